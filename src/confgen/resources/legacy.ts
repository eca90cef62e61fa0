/**
 * Documents of calicoctl v1 (`apiVersion: v1`, kinds in lower case: bgpPeer, ipPool, node) in the v3 form. What
 * `calicoctl config set KEY VALUE` had set is written as a document of the kind `config`, in either form:
 *
 *     { apiVersion: v1, kind: config, metadata: { name: asNumber }, spec: { value: 64512 } }
 *     { apiVersion: v1, kind: config, spec: { asNumber: 64512, nodeToNodeMesh: "off", logLevel: info } }
 *
 * with `metadata.node` for what was set for one node.
 */
import type { StoredObject } from "../datastore/datastore.ts";
import { shown } from "./fields.ts";
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
import { convertLegacyKeys } from "./legacy-keys.ts";

type Mapping = Readonly<Record<string, unknown>>;

interface Out {
  readonly objects: StoredObject[];
  readonly settings: LegacySetting[];
  readonly problems: string[];
  readonly ignored: string[];
}

type Convert = (document: Mapping, origin: string, out: Out) => void;

const KINDS: ReadonlyMap<string, Convert> = new Map<string, Convert>([
  ["bgpPeer", convertPeer],
  ["ipPool", convertPool],
  ["node", convertNode],
  ["config", convertConfig],
  ["GlobalBGPConfig", convertGlobalConfig],
  ...["policy", "profile", "hostEndpoint", "workloadEndpoint"].map((kind): [string, Convert] => [
    kind,
    (_document, _origin, out) => out.ignored.push(kind),
  ]),
]);

/**
 * A v1 document, a list of them, or a mapping of v1 etcd keys to their values, in the v3 form. Undefined: it is nothing
 * legacy. `origin` is where it is written, for messages. Never throws.
 */
export function convertLegacy(document: unknown, origin = ""): LegacyConversion | undefined {
  const keys = legacyKeysIn(document);
  if (keys) return convertLegacyKeys(keys);
  const documents = legacyDocuments(document);
  if (!documents) return undefined;
  const out: Out = { objects: [], settings: [], problems: [], ignored: [] };
  for (const one of documents) {
    const kind = String(one.kind);
    try {
      KINDS.get(kind)!(one, origin, out);
    } catch (error) {
      if (!(error instanceof Unconvertible)) throw error;
      out.problems.push(`${origin === "" ? "" : `${origin}: `}${kind}: ${error.message}`);
    }
  }
  return out;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function legacyKeysIn(document: unknown): [string, string][] | undefined {
  if (!isMapping(document)) return undefined;
  const entries = Object.entries(document);
  if (entries.length === 0 || !entries.every(([key]) => key.startsWith("/calico/"))) return undefined;
  return entries.map(([key, value]) => [
    key,
    typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? ""),
  ]);
}

/** The documents, where all of them are legacy. */
function legacyDocuments(document: unknown): Mapping[] | undefined {
  if (Array.isArray(document)) {
    return document.length > 0 && document.every(isLegacy) ? document : undefined;
  }
  if (!isMapping(document)) return undefined;
  const { kind, items, apiVersion } = document;
  const isList = typeof kind === "string" && KINDS.has(kind.replace(/List$/, "")) && kind.endsWith("List");
  if (isList && apiVersion === "v1" && Array.isArray(items)) {
    const single = kind.slice(0, -"List".length);
    return items.filter(isMapping).map((item) => ({ ...item, kind: single }));
  }
  return isLegacy(document) ? [document] : undefined;
}

function isLegacy(document: unknown): document is Mapping {
  if (!isMapping(document)) return false;
  const { kind, apiVersion } = document;
  if (typeof kind !== "string" || !KINDS.has(kind)) return false;
  // Kubernetes kept these of v1 as objects of its own.
  return kind === "GlobalBGPConfig" || apiVersion === "v1" || apiVersion === undefined;
}

const part = (document: Mapping, key: string): Mapping => {
  const value = document[key];
  return isMapping(value) ? value : {};
};

function nodeNameOf(value: unknown): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : String(value).toLowerCase();
}

function convertPeer(document: Mapping, origin: string, out: Out): void {
  const metadata = part(document, "metadata");
  const node = nodeNameOf(metadata.node ?? metadata.hostname);
  const scope = metadata.scope ?? (node === undefined ? "global" : "node");
  if (scope !== "global" && scope !== "node")
    throw new Unconvertible(`the scope is ${shown(scope)}, not global or node`);
  if (scope === "node" && node === undefined) throw new Unconvertible("metadata.node is missing beside the scope node");
  const asNumber = part(document, "spec").asNumber;
  out.objects.push(legacyPeer(scope === "node" ? node : undefined, metadata.peerIP, asNumber, origin));
}

function convertPool(document: Mapping, origin: string, out: Out): void {
  const spec = part(document, "spec");
  const ipip = part(spec, "ipip");
  const pool = {
    cidr: part(document, "metadata").cidr,
    ipip: ipip.enabled === true,
    ipipMode: ipip.mode,
    natOutgoing: spec["nat-outgoing"],
    disabled: spec.disabled,
  };
  out.objects.push(legacyPool(pool, origin));
}

function convertNode(document: Mapping, origin: string, out: Out): void {
  const metadata = part(document, "metadata");
  const name = nodeNameOf(metadata.name);
  if (name === undefined) throw new Unconvertible("metadata.name is missing");
  const { bgp, orchRefs } = part(document, "spec");
  const spec = {
    ...(isMapping(bgp) && { bgp: nodeBgp(bgp) }),
    ...(orchRefs !== undefined && { orchRefs }),
  };
  out.objects.push(v3Object("Node", name, spec, origin, isMapping(metadata.labels) ? { labels: metadata.labels } : {}));
}

/** The addresses are checked as those of any Node are. */
function nodeBgp(bgp: Mapping): Mapping {
  return {
    ...(bgp.asNumber !== undefined && { asNumber: legacyAsn(bgp.asNumber) }),
    ...(bgp.ipv4Address !== undefined && { ipv4Address: bgp.ipv4Address }),
    ...(bgp.ipv6Address !== undefined && { ipv6Address: bgp.ipv6Address }),
  };
}

function convertConfig(document: Mapping, origin: string, out: Out): void {
  const metadata = part(document, "metadata");
  const spec = part(document, "spec");
  const node = nodeNameOf(metadata.node);
  const key = metadata.name;
  const entries: [string, unknown][] = Object.hasOwn(spec, "value")
    ? [[String(key), spec.value]]
    : Object.entries(spec);
  if (entries.length === 0) throw new Unconvertible("spec says nothing");
  for (const [name, value] of entries) pushSetting(name, value, node, origin, out);
}

/** Of the Kubernetes datastore of v1; its keys begin with a capital. */
function convertGlobalConfig(document: Mapping, origin: string, out: Out): void {
  const { name, value } = part(document, "spec");
  pushSetting(String(name), value, undefined, origin, out);
}

function pushSetting(key: string, value: unknown, node: string | undefined, origin: string, out: Out): void {
  const name = node === undefined ? "default" : `node.${node}`;
  const word = key.toLowerCase();
  if (word === "loglevel") {
    const severity = legacySeverity(value);
    if (severity !== undefined) out.settings.push({ name, field: "logSeverityScreen", value: severity, origin });
    return;
  }
  const isKnown = word === "asnumber" || word === "nodetonodemesh" || word === "nodemeshenabled";
  if (!isKnown) {
    out.ignored.push(`config ${key}`);
    return;
  }
  if (node !== undefined) throw new Unconvertible(`${key} cannot be set for one node`);
  if (word === "asnumber") out.settings.push({ name, field: "asNumber", value: legacyAsn(value), origin });
  else out.settings.push({ name, field: "nodeToNodeMeshEnabled", value: legacySwitch(key, value), origin });
}

/** `on`, `off`, a boolean, or the JSON that the datastore held: `{"enabled":true}`. */
function legacySwitch(key: string, value: unknown): boolean {
  const plain = isMapping(value) ? value.enabled : value;
  const word = String(plain).toLowerCase().replace(/\s/g, "");
  if (word === "on" || word === "true" || word === '{"enabled":true}') return true;
  if (word === "off" || word === "false" || word === '{"enabled":false}') return false;
  throw new Unconvertible(`expected on or off for ${key}, not ${shown(plain)}`);
}
