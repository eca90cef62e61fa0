/** Sessions as they are made from one resource, before those that concern the same peer are weighed against each other. */
import { FAMILIES, type Family } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type { BgpPeerResource } from "../resources/model.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { CompileInput } from "./input.ts";
import type { NodeIndex, NodeRow } from "./node-index.ts";
import type { Credential, Passwords } from "./passwords.ts";
import type { RowMemo } from "./row-memo.ts";
import type { Session } from "./session.ts";

export interface Candidate {
  readonly session: Session;
  /** What claims the peer: its address and port, where the port 179 is as none. */
  readonly key: string;
  /** As `BGPPeer/tor-a`. */
  readonly resource: string;
  /** Name of the node at the far end, where the resource denotes nodes. */
  readonly node?: string | undefined;
}

/** What the sessions of one compilation are made of. */
export interface SessionContext {
  readonly input: CompileInput;
  readonly facts: ClusterFacts;
  /** Our node's addresses that a session can have. */
  readonly own: NodeRow["addresses"];
  readonly index: NodeIndex;
  readonly passwords: Passwords;
  readonly memo: RowMemo;
  /** Equal as long as nothing of `facts` and `own` that a session depends on has changed. */
  readonly stamp: string;
  readonly findings: Finding[];
}

/** The far end of a session. */
export interface FarEnd {
  readonly family: Family;
  readonly address: string;
  readonly port?: number | undefined;
  readonly asn: number;
  /** Of a Calico node that the resource denotes by selector. */
  readonly clusterId?: string | undefined;
}

/** What the sessions of one resource have in common. */
export interface SessionOptions {
  readonly kind: Session["kind"];
  readonly resource: string;
  readonly origin: string;
  readonly credential: Credential;
  readonly useNodeAddress: boolean;
  readonly passive: "never" | "always" | "byAddress";
  readonly localAsn?: number | undefined;
  readonly restartTime?: number | undefined;
  readonly keepaliveTime?: number | undefined;
  readonly ttlSecurity?: number | undefined;
  readonly nextHopMode?: BgpPeerResource["nextHopMode"] | undefined;
  readonly keepOriginalNextHop: boolean;
  readonly allowOwnAs: number;
  readonly filters: readonly string[];
  readonly reachableBy?: string | undefined;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const PREFIXES = { mesh: "Mesh", global: "Global", node: "Node", workload: "Local_Workload" } as const;

/** Undefined: our node has no address of the family, or it is the far end's address too. */
export function candidate(
  { facts, own }: SessionContext,
  options: SessionOptions,
  end: FarEnd,
  origin: string,
  node?: string,
): Candidate | undefined {
  const { kind, localAsn, credential } = options;
  const { family, address, port, asn } = end;
  const ownAddress = own[family];
  if (ownAddress === undefined || ownAddress === address) return undefined;
  const internal = asn === (localAsn ?? facts.asn);
  const session: Writable<Session> = {
    name: sessionName(kind, address, port),
    kind,
    family,
    address,
    asn,
    internal,
    passive: isPassive(options.passive, address, ownAddress),
    reflectorClient: facts.clusterId !== undefined && internal && end.clusterId !== facts.clusterId,
    nextHop: nextHop(options, internal),
    allowOwnAs: options.allowOwnAs,
    filters: options.filters,
    origin,
  };
  if (port !== undefined) session.port = port;
  if (localAsn !== undefined) session.localAsn = localAsn;
  if (options.useNodeAddress) session.sourceAddress = ownAddress;
  if (options.restartTime !== undefined) session.restartTime = options.restartTime;
  if (options.keepaliveTime !== undefined) session.keepaliveTime = options.keepaliveTime;
  if (options.ttlSecurity !== undefined) session.ttlSecurity = options.ttlSecurity;
  if (options.reachableBy !== undefined) session.reachableBy = options.reachableBy;
  if (credential.password !== undefined) session.password = credential.password;
  const held = facts.held ?? credential.held;
  if (held !== undefined) session.held = asReason(held);
  const key = `${address} ${port === 179 || port === undefined ? "" : port}`;
  return { session, key, resource: options.resource, node };
}

/** As text, byte by byte: the other end, which may be BIRD, decides in the same way, so exactly one of both connects. */
function isPassive(rule: SessionOptions["passive"], address: string, own: string): boolean {
  return rule === "always" || (rule === "byAddress" && address > own);
}

const MOST_REASON = 255;

/** The configuration takes one line of so many characters. */
function asReason(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, " ");
  return line.length <= MOST_REASON ? line : `${line.slice(0, MOST_REASON - 1)}…`;
}

/** A node as far end, once for each of its addresses. */
export function endsAt(row: NodeRow, { facts }: SessionContext, only?: Family): FarEnd[] {
  const ends: FarEnd[] = [];
  for (const family of FAMILIES) {
    const address = row.addresses[family];
    if (address === undefined || (only && only !== family)) continue;
    const asn = row.asn ?? facts.defaultAsn;
    ends.push({ family, address, port: row.port ?? facts.defaultListenPort, asn, clusterId: row.clusterId });
  }
  return ends;
}

/** The mesh leaves the port out of its names. */
function sessionName(kind: Session["kind"], address: string, port: number | undefined): string {
  const name = `${PREFIXES[kind]}_${address.includes(":") ? address.replaceAll(":", "_") : address.replaceAll(".", "_")}`;
  return port === undefined || kind === "mesh" ? name : `${name}_port_${port}`;
}

/** Any `nextHopMode`, `Auto` too, makes `keepOriginalNextHop` count for nothing (calico-bgp.md 3.7). */
function nextHop({ nextHopMode, keepOriginalNextHop }: SessionOptions, internal: boolean): Session["nextHop"] {
  if (nextHopMode === "Self") return "self";
  if (nextHopMode === "Keep") return "keep";
  return nextHopMode === undefined && keepOriginalNextHop && !internal ? "keep" : "auto";
}

/** The capability has 12 bits (RFC 4724 §3). */
const LONGEST_RESTART = 4095;
/** What every session offers. */
const HOLD_TIME = 240;
const MOST_OWN_AS = 255;
/** One more would take every packet. */
const MOST_HOPS = 254;

type Say = (field: string, message: string) => void;

/** Says what a field's value is used as, where it cannot be used as it is. */
export function sayOf(resource: string, findings: Finding[]): Say {
  return (field, message) =>
    findings.push({ severity: "warning", code: "value-bounded", resource, message: `${field} ${message}` });
}

export function restartTime(seconds: number | undefined, field: string, say: Say): number | undefined {
  if (seconds === undefined || seconds <= LONGEST_RESTART) return seconds;
  say(field, `of ${seconds} s does not fit into the capability of BGP: ${LONGEST_RESTART} s are used`);
  return LONGEST_RESTART;
}

export function keepaliveTime(seconds: number | undefined, say: Say): number | undefined {
  if (seconds === undefined || (seconds >= 1 && seconds < HOLD_TIME)) return seconds;
  say("keepaliveTime", `of ${seconds} s is not from 1 s to less than the hold time of ${HOLD_TIME} s: it is ignored`);
  return undefined;
}

export function allowOwnAs(count: number, say: Say): number {
  if (count >= 0 && count <= MOST_OWN_AS) return count;
  const used = count < 0 ? 0 : MOST_OWN_AS;
  say("numAllowedLocalASNumbers", `of ${count} is used as ${used}`);
  return used;
}

/** Zero is off. */
export function ttlSecurity(hops: number | undefined, say: Say): number | undefined {
  if (!hops) return undefined;
  if (hops <= MOST_HOPS) return hops;
  say("ttlSecurity", `of ${hops} would accept every packet: ${MOST_HOPS} is used`);
  return MOST_HOPS;
}
