/**
 * Calico's layout in etcd: which ranges of keys hold what, and what a key with its value is.
 *
 *     /calico/resources/v3/projectcalico.org/<plural>/<name>      the whole v3 object as JSON
 *     /calico/ipam/v2/host/<node>/ipv4/block/10.1.0.0-26          {"state":"confirmed","deleted":false}, or nothing: {}
 *
 * The names of block affinities are those that the Kubernetes datastore gives them.
 */
import type { Kind } from "../resources/model.ts";
import type { StoredObject } from "./datastore.ts";

/** All keys that begin with `prefix`, which ends in a slash; they hold objects of one kind. */
export interface EtcdRange {
  readonly kind: Kind;
  readonly prefix: string;
  /** What a key of the range is. Undefined: not ours to read. */
  read(key: string, value: string): StoredObject | undefined;
  /** The name that `read` gives the object of a key, whatever its value is. */
  nameOf(key: string): string | undefined;
}

const RESOURCES = "/calico/resources/v3/projectcalico.org";

/** In the order in which they are listed. Services, EndpointSlices and Secrets are not in etcd. */
const PLURALS = [
  ["Node", "nodes"],
  ["BGPConfiguration", "bgpconfigurations"],
  ["BGPPeer", "bgppeers"],
  ["BGPFilter", "bgpfilters"],
  ["IPPool", "ippools"],
] as const satisfies readonly (readonly [Kind, string])[];

/** What a node reads of v3: every resource that BGP depends on, and the block affinities of the node itself. */
export function etcdRanges(node: string, podCidrs: boolean): readonly EtcdRange[] {
  return podCidrs ? resourceRanges() : [...resourceRanges(), affinityRange(node)];
}

function resourceRanges(): readonly EtcdRange[] {
  return PLURALS.map(([kind, plural]) => resourceRange(kind, `${RESOURCES}/${plural}/`));
}

/** Where v1 and v2 kept what concerns BGP, in keys of single values. */
export const LEGACY_PREFIXES = ["/calico/bgp/v1/", "/calico/v1/ipam/"] as const;

/** The object that a key of v1 belongs to. */
export function legacyPlace(key: string): { readonly kind: Kind; readonly name: string } | undefined {
  const dashed = (text: string) => text.replace(/[.:/]/g, "-");
  const peer = /^\/calico\/bgp\/v1\/(?:global|host\/([^/]+))\/peer_v[46]\/([^/]+)$/.exec(key);
  if (peer !== null)
    return { kind: "BGPPeer", name: `${peer[1] === undefined ? "" : `${peer[1].toLowerCase()}.`}${dashed(peer[2]!)}` };
  const node = /^\/calico\/bgp\/v1\/host\/([^/]+)\//.exec(key)?.[1];
  if (node !== undefined) return { kind: "Node", name: node.toLowerCase() };
  const pool = /^\/calico\/v1\/ipam\/v[46]\/pool\/([^/]+)$/.exec(key)?.[1];
  if (pool !== undefined) return { kind: "IPPool", name: dashed(pool) };
  return key.startsWith("/calico/bgp/v1/global/") ? { kind: "BGPConfiguration", name: "default" } : undefined;
}

/** The end of a range: the first key behind all that begin with the prefix: its last character is the slash, which `0` follows. */
export function rangeEnd(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

function resourceRange(kind: Kind, prefix: string): EtcdRange {
  const nameOf = (key: string) => {
    const name = key.slice(prefix.length);
    return name === "" || name.includes("/") ? undefined : name;
  };
  return {
    kind,
    prefix,
    nameOf,
    read(key, value) {
      const name = nameOf(key);
      if (name === undefined) return undefined;
      const parsed = parseObject(value);
      if ("fault" in parsed) return { kind, name, fault: parsed.fault, origin: key };
      // The key says what it is, even where somebody wrote another name into the value.
      const metadata = isObject(parsed.object.metadata) ? parsed.object.metadata : {};
      return { kind, name, object: { ...parsed.object, kind, metadata: { ...metadata, name } }, origin: key };
    },
  };
}

/** The block affinities of a node. */
export function affinityRange(node: string): EtcdRange {
  const kind = "BlockAffinity";
  const prefix = `/calico/ipam/v2/host/${node}/`;
  const cidrOf = (key: string) => {
    const block = /^ipv[46]\/block\/([^/]+)$/.exec(key.slice(prefix.length))?.[1];
    // Only the last hyphen stands for the slash.
    return block?.replace(/-([^-]*)$/, "/$1");
  };
  const nameFor = (cidr: string) => `${node}-${cidr.replace(/[.:/]/g, "-")}`;
  return {
    kind,
    prefix,
    nameOf(key) {
      const cidr = cidrOf(key);
      return cidr === undefined ? undefined : nameFor(cidr);
    },
    read(key, value) {
      const cidr = cidrOf(key);
      if (cidr === undefined) return undefined;
      const name = nameFor(cidr);
      const parsed = parseObject(value === "" ? "{}" : value);
      if ("fault" in parsed) return { kind, name, fault: parsed.fault, origin: key };
      const { state = "", deleted } = parsed.object;
      const spec = { cidr, node, type: "host", state, ...(deleted === undefined ? {} : { deleted }) };
      return { kind, name, object: { kind, metadata: { name }, spec }, origin: key };
    },
  };
}

function parseObject(value: string): { readonly object: Record<string, unknown> } | { readonly fault: string } {
  if (value === "") return { fault: "the value is empty" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (error) {
    return { fault: `the value is no JSON: ${(error as Error).message}` };
  }
  return isObject(parsed) ? { object: parsed } : { fault: "the value is no JSON object" };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
