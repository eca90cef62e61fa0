/** The etcd keys of Calico v1 and v2 (calico-bgp.md 1.11, 2.3) in the v3 form. */
import type { StoredObject } from "../datastore/datastore.ts";
import {
  type LegacyConversion,
  type LegacySetting,
  legacyAsn,
  legacyPeer,
  legacyPool,
  legacySeverity,
  Unconvertible,
  v3Object,
} from "./legacy-forms.ts";

/** A Node, of which every field was a key. */
interface NodeKeys {
  readonly addresses: Map<string, string>;
  readonly lengths: Map<string, string>;
  asNumber?: number;
  clusterId?: string;
  tunnel?: string;
}

interface Out {
  readonly objects: StoredObject[];
  readonly settings: LegacySetting[];
  readonly problems: string[];
  readonly nodes: Map<string, NodeKeys>;
}

type Found = RegExpExecArray & { readonly groups: Record<string, string> };

/** The first pattern that a key matches says what is made of it. */
const KEYS: readonly (readonly [RegExp, (found: Found, value: string, key: string, out: Out) => void])[] = [
  [/^\/calico\/bgp\/v1\/global\/(?<field>as_num|node_mesh|loglevel)$/, globalField],
  [/^\/calico\/bgp\/v1\/(?:global|host\/(?<node>[^/]+))\/peer_v(?<version>[46])\/(?<ip>[^/]+)$/, peer],
  [/^\/calico\/bgp\/v1\/host\/(?<node>[^/]+)\/(?<field>[a-z0-9_]+)$/, hostField],
  [/^\/calico\/v1\/ipam\/v[46]\/pool\/(?<cidr>[^/]+)$/, pool],
  [/^\/calico\/v1\/host\/(?<node>[^/]+)\/config\/IpInIpTunnelAddr$/, tunnel],
];

/** Of all keys at once, since a Node is made of several. Keys that say nothing about BGP are passed over. Never throws. */
export function convertLegacyKeys(entries: Iterable<readonly [string, string]>): LegacyConversion {
  const out: Out = { objects: [], settings: [], problems: [], nodes: new Map() };
  for (const [key, value] of entries) {
    try {
      convertKey(key, value, out);
    } catch (error) {
      if (!(error instanceof Unconvertible)) throw error;
      out.problems.push(`${key}: ${error.message}`);
    }
  }
  const nodes = [...out.nodes].map(([name, keys]) => nodeOf(name, keys));
  return { objects: [...nodes, ...out.objects], settings: out.settings, problems: out.problems, ignored: [] };
}

function convertKey(key: string, value: string, out: Out): void {
  for (const [pattern, convert] of KEYS) {
    const found = pattern.exec(key);
    if (found) return convert(found as Found, value, key, out);
  }
}

function globalField({ groups }: Found, value: string, key: string, out: Out): void {
  const name = "default";
  switch (groups.field) {
    case "as_num":
      out.settings.push({ name, field: "asNumber", value: legacyAsn(plain(value)), origin: key });
      return;
    case "node_mesh": {
      const { enabled } = json(value);
      if (typeof enabled !== "boolean") throw new Unconvertible('expected {"enabled":true} or {"enabled":false}');
      out.settings.push({ name, field: "nodeToNodeMeshEnabled", value: enabled, origin: key });
      return;
    }
    default:
      logLevel(name, value, key, out);
  }
}

function logLevel(name: string, value: string, origin: string, out: Out): void {
  const severity = legacySeverity(plain(value));
  if (severity !== undefined) out.settings.push({ name, field: "logSeverityScreen", value: severity, origin });
}

function peer({ groups }: Found, value: string, key: string, out: Out): void {
  const { ip = groups.ip, as_num } = json(value);
  out.objects.push(legacyPeer(groups.node?.toLowerCase(), ip, as_num, key));
}

function hostField({ groups }: Found, value: string, key: string, out: Out): void {
  const node = nodeKeys(groups.node!, out);
  const text = plain(value);
  switch (groups.field) {
    case "ip_addr_v4":
    case "ip_addr_v6":
      if (text !== "") node.addresses.set(groups.field.slice(-1), text);
      return;
    case "network_v4":
    case "network_v6": {
      const length = text.split("/")[1];
      if (length) node.lengths.set(groups.field.slice(-1), length);
      return;
    }
    case "as_num":
      if (text !== "") node.asNumber = legacyAsn(text);
      return;
    case "rr_cluster_id":
      if (text !== "") node.clusterId = text;
      return;
    case "loglevel":
      logLevel(`node.${groups.node!.toLowerCase()}`, value, key, out);
  }
}

function tunnel({ groups }: Found, value: string, _key: string, out: Out): void {
  if (plain(value) !== "") nodeKeys(groups.node!, out).tunnel = plain(value);
}

function nodeKeys(name: string, out: Out): NodeKeys {
  let keys = out.nodes.get(name.toLowerCase());
  if (!keys) {
    keys = { addresses: new Map(), lengths: new Map() };
    out.nodes.set(name.toLowerCase(), keys);
  }
  return keys;
}

function nodeOf(name: string, { addresses, lengths, asNumber, clusterId, tunnel }: NodeKeys): StoredObject {
  const address = (version: string) => {
    const text = addresses.get(version);
    const length = lengths.get(version);
    return text === undefined || length === undefined || text.includes("/") ? text : `${text}/${length}`;
  };
  const [ipv4Address, ipv6Address] = [address("4"), address("6")];
  const bgp = {
    ...(asNumber !== undefined && { asNumber }),
    ...(ipv4Address !== undefined && { ipv4Address }),
    ...(ipv6Address !== undefined && { ipv6Address }),
    ...(tunnel !== undefined && { ipv4IPIPTunnelAddr: tunnel }),
    ...(clusterId !== undefined && { routeReflectorClusterID: clusterId }),
  };
  return v3Object("Node", name, Object.keys(bgp).length > 0 ? { bgp } : {}, `/calico/bgp/v1/host/${name}`);
}

function pool({ groups }: Found, value: string, key: string, out: Out): void {
  const held = json(value);
  const ipip = typeof held.ipip === "string" && held.ipip !== "";
  out.objects.push(
    legacyPool(
      {
        cidr: held.cidr ?? groups.cidr!.replace(/-(\d+)$/, "/$1"),
        ipip,
        ipipMode: held.ipip_mode,
        natOutgoing: held.masquerade,
        disabled: held.disabled,
      },
      key,
    ),
  );
}

/** Plain text, whether or not it was written as a string of JSON. */
function plain(value: string): string {
  return /^"(.*)"$/.exec(value.trim())?.[1] ?? value.trim();
}

function json(value: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Unconvertible("expected a JSON object");
}
