/** What legacy documents and legacy etcd keys have in common: how a v1 thing is said in v3 (calico-bgp.md 1.11). */
import { formatAddress } from "../../ip/address.ts";
import type { StoredObject } from "../datastore/datastore.ts";
import { readCidr } from "./cidr.ts";
import { shown } from "./fields.ts";
import type { Kind } from "./model.ts";
import { readAddress, readAsn } from "./scalars.ts";

/** A single field of a BGPConfiguration: v1 kept each by itself. */
export interface LegacySetting {
  /** Of the BGPConfiguration: `default` or `node.<name>`. */
  readonly name: string;
  readonly field: "asNumber" | "nodeToNodeMeshEnabled" | "logSeverityScreen";
  readonly value: string | number | boolean;
  readonly origin: string;
}

export interface LegacyConversion {
  readonly objects: readonly StoredObject[];
  /** To be laid over the BGPConfigurations by `withSettings`. */
  readonly settings: readonly LegacySetting[];
  /** What could not be converted, a sentence each. */
  readonly problems: readonly string[];
  /** Kinds that say nothing about BGP and were left out. */
  readonly ignored: readonly string[];
}

/** Says a problem in place of a result. */
export class Unconvertible extends Error {}

export function v3Object(
  kind: Kind,
  name: string,
  spec: Readonly<Record<string, unknown>>,
  origin: string,
  metadata: Readonly<Record<string, unknown>> = {},
): StoredObject {
  const object = { apiVersion: "projectcalico.org/v3", kind, metadata: { name, ...metadata }, spec };
  return { kind, name, object, origin };
}

/** The peer of all nodes, or of one. */
export function legacyPeer(node: string | undefined, peerIp: unknown, asNumber: unknown, origin: string): StoredObject {
  const address = readAddress(String(peerIp));
  if (!address) throw new Unconvertible(`expected the address of a peer, not ${shown(peerIp)}`);
  const peerIP = formatAddress(address);
  const dashed = peerIP.replace(/[.:]/g, "-");
  const spec = { ...(node !== undefined && { node }), peerIP, asNumber: legacyAsn(asNumber) };
  return v3Object("BGPPeer", node === undefined ? dashed : `${node}.${dashed}`, spec, origin);
}

export interface LegacyPool {
  readonly cidr: unknown;
  readonly ipip: boolean;
  readonly ipipMode: unknown;
  readonly natOutgoing: unknown;
  readonly disabled: unknown;
}

export function legacyPool(pool: LegacyPool, origin: string): StoredObject {
  const cidr = readCidr(String(pool.cidr));
  if (!cidr) throw new Unconvertible(`expected the CIDR of a pool, not ${shown(pool.cidr)}`);
  const spec = {
    cidr: cidr.text,
    ipipMode: pool.ipip ? (pool.ipipMode === "cross-subnet" ? "CrossSubnet" : "Always") : "Never",
    vxlanMode: "Never",
    natOutgoing: pool.natOutgoing === true,
    disabled: pool.disabled === true,
    blockSize: cidr.family === "ipv4" ? 26 : 122,
    nodeSelector: "all()",
  };
  return v3Object("IPPool", cidr.text.replace(/[.:/]/g, "-"), spec, origin);
}

/** AS numbers are written plainly in v3. */
export function legacyAsn(value: unknown): number {
  const asn = typeof value === "object" ? undefined : readAsn(String(value), value);
  if (typeof asn === "number" && asn !== 0) return asn;
  throw new Unconvertible(asn ? asn.message : `expected an AS number, not ${shown(value)}`);
}

const SEVERITIES: Readonly<Record<string, string>> = {
  debug: "Debug",
  info: "Info",
  warning: "Warning",
  error: "Error",
  fatal: "Fatal",
  panic: "Fatal",
};

/** Undefined: unset. A word that v3 does not know, `none` among them, is Info. */
export function legacySeverity(value: unknown): string | undefined {
  const word = String(value ?? "").toLowerCase();
  return word === "" ? undefined : (SEVERITIES[word] ?? "Info");
}

/**
 * The objects with the settings in their BGPConfigurations. What an object of v3 says by itself goes before a setting, of
 * several settings the last counts, and an object is added for settings that have none.
 */
export function withSettings(
  objects: readonly StoredObject[],
  settings: readonly LegacySetting[],
): readonly StoredObject[] {
  if (settings.length === 0) return objects;
  const fields = new Map<string, Record<string, unknown>>();
  const origins = new Map<string, string>();
  for (const { name, field, value, origin } of settings) {
    const known = fields.get(name) ?? {};
    if (Object.hasOwn(known, field)) continue;
    fields.set(name, { ...known, [field]: value });
    if (!origins.has(name)) origins.set(name, origin);
  }
  const laidOver = objects.map((stored) => {
    const own = stored.kind === "BGPConfiguration" ? fields.get(stored.name) : undefined;
    if (!own || !stored.object) return stored;
    fields.delete(stored.name);
    const spec = stored.object.spec ?? {};
    // What is no mapping is for admission to refuse.
    if (typeof spec !== "object" || Array.isArray(spec)) return stored;
    return { ...stored, object: { ...stored.object, spec: { ...own, ...spec } } };
  });
  const added = [...fields].map(([name, spec]) => v3Object("BGPConfiguration", name, spec, origins.get(name)!));
  return [...laidOver, ...added];
}
