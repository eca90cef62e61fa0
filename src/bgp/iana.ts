/** Registries of BGP as tables; the types used elsewhere are derived from them. */
import type { Family } from "../ip/address.ts";

/** IANA "BGP Message Types". Least length of a whole message in octets (RFC 4271 §4, RFC 2918). */
export const MESSAGE = {
  open: { code: 1, minOctets: 29 },
  update: { code: 2, minOctets: 23 },
  notification: { code: 3, minOctets: 21 },
  keepalive: { code: 4, minOctets: 19 },
  routeRefresh: { code: 5, minOctets: 23 },
} as const;

export const HEADER_OCTETS = 19;
/** Longest message without RFC 8654, and of OPEN always. */
export const MAX_MESSAGE_OCTETS = 4096;
export const MAX_EXTENDED_MESSAGE_OCTETS = 65535;

/** RFC 6793 §9: stands for an AS that does not fit two octets. */
export const AS_TRANS = 23456;

export const AFI = { ipv4: 1, ipv6: 2 } as const;
export const SAFI_UNICAST = 1;

/** The family that AFI and SAFI name on the wire; undefined for those that are not ours. */
export function familyOf(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  if (afi === AFI.ipv4) return "ipv4";
  return afi === AFI.ipv6 ? "ipv6" : undefined;
}

/** Bits of the attribute flags octet (RFC 4271 §4.3). */
export const FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export interface AttributeSpec {
  readonly code: number;
  /** Name as the registry has it. */
  readonly name: string;
  /** Optional and Transitive bits that it must have. */
  readonly flags: number;
  /** Octets of the value: exact, a unit of which there are one or more, or anything. */
  readonly size: number | { readonly multipleOf: number } | "any";
  /** RFC 7606 treatment when malformed. */
  readonly malformed: "discard" | "withdraw" | "reset";
  /** Also for wrong flags, where its own RFC asks for less than treat-as-withdraw (RFC 7606 §3 c). */
  readonly wrongFlags?: "discard";
  /** Taken from internal peers only; from others it is discarded whatever it holds. */
  readonly internalOnly?: true;
  /** Never used: discarded even when well formed. */
  readonly ignored?: true;
  /** Carried without looking inside, hence with the Partial bit set. */
  readonly opaque?: true;
}

/** IANA "BGP Path Attributes": the rows we act on, with bgp-4's error handling (RFC 7606 and each attribute's RFC). */
export const ATTRIBUTE = {
  origin: { code: 1, name: "ORIGIN", flags: 0x40, size: 1, malformed: "withdraw" },
  asPath: { code: 2, name: "AS_PATH", flags: 0x40, size: "any", malformed: "withdraw" },
  nextHop: { code: 3, name: "NEXT_HOP", flags: 0x40, size: 4, malformed: "withdraw" },
  med: { code: 4, name: "MULTI_EXIT_DISC", flags: 0x80, size: 4, malformed: "withdraw" },
  localPref: { code: 5, name: "LOCAL_PREF", flags: 0x40, size: 4, malformed: "withdraw", internalOnly: true },
  atomicAggregate: { code: 6, name: "ATOMIC_AGGREGATE", flags: 0x40, size: 0, malformed: "discard" },
  aggregator: { code: 7, name: "AGGREGATOR", flags: 0xc0, size: "any", malformed: "discard" },
  communities: { code: 8, name: "COMMUNITIES", flags: 0xc0, size: { multipleOf: 4 }, malformed: "withdraw" },
  originatorId: { code: 9, name: "ORIGINATOR_ID", flags: 0x80, size: 4, malformed: "withdraw", internalOnly: true },
  clusterList: {
    code: 10,
    name: "CLUSTER_LIST",
    flags: 0x80,
    size: { multipleOf: 4 },
    malformed: "withdraw",
    internalOnly: true,
  },
  mpReach: { code: 14, name: "MP_REACH_NLRI", flags: 0x80, size: "any", malformed: "reset" },
  mpUnreach: { code: 15, name: "MP_UNREACH_NLRI", flags: 0x80, size: "any", malformed: "reset" },
  extendedCommunities: {
    code: 16,
    name: "EXTENDED COMMUNITIES",
    flags: 0xc0,
    size: { multipleOf: 8 },
    malformed: "withdraw",
  },
  as4Path: { code: 17, name: "AS4_PATH", flags: 0xc0, size: "any", malformed: "discard", wrongFlags: "discard" },
  as4Aggregator: {
    code: 18,
    name: "AS4_AGGREGATOR",
    flags: 0xc0,
    size: 8,
    malformed: "discard",
    wrongFlags: "discard",
  },
  pmsiTunnel: { code: 22, name: "PMSI_TUNNEL", flags: 0xc0, size: "any", malformed: "withdraw", opaque: true },
  tunnelEncap: {
    code: 23,
    name: "TUNNEL_ENCAPSULATION",
    flags: 0xc0,
    size: "any",
    malformed: "withdraw",
    opaque: true,
  },
  ipv6ExtendedCommunities: {
    code: 25,
    name: "IPv6 EXTENDED COMMUNITIES",
    flags: 0xc0,
    size: { multipleOf: 20 },
    malformed: "withdraw",
  },
  aigp: { code: 26, name: "AIGP", flags: 0x80, size: "any", malformed: "discard", ignored: true },
  bgpLs: { code: 29, name: "BGP-LS", flags: 0x80, size: "any", malformed: "discard", ignored: true },
  largeCommunities: {
    code: 32,
    name: "LARGE_COMMUNITY",
    flags: 0xc0,
    size: { multipleOf: 12 },
    malformed: "withdraw",
  },
  bgpsecPath: { code: 33, name: "BGPsec_Path", flags: 0x80, size: "any", malformed: "discard", ignored: true },
  otc: { code: 35, name: "ONLY_TO_CUSTOMER", flags: 0xc0, size: 4, malformed: "withdraw" },
  prefixSid: {
    code: 40,
    name: "BGP Prefix-SID",
    flags: 0xc0,
    size: "any",
    malformed: "discard",
    wrongFlags: "discard",
    opaque: true,
  },
  attrSet: { code: 128, name: "ATTR_SET", flags: 0xc0, size: "any", malformed: "withdraw", opaque: true },
} as const satisfies Record<string, AttributeSpec>;

/** Name of an attribute type for logs and `show`. */
export function attributeName(code: number): string {
  for (const spec of Object.values(ATTRIBUTE)) if (spec.code === code) return spec.name;
  return `attribute ${code}`;
}

/** AS_PATH segment types (RFC 4271 §4.3, RFC 5065 §3). */
export const SEGMENT = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const;

/** IANA "Capability Codes". */
export const CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  outboundFiltering: 3,
  extendedNextHop: 5,
  extendedMessage: 6,
  role: 9,
  gracefulRestart: 64,
  fourOctetAs: 65,
  dynamic: 67,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
  fqdn: 73,
  softwareVersion: 75,
  pathsLimit: 76,
  linkLocalNextHop: 77,
  routeRefreshCisco: 128,
} as const;

/** Codes and subcodes of NOTIFICATION; subcode 0 is "unspecific" in every row (RFC 4271 §4.5 and as said). */
export const ERROR = {
  header: { code: 1, name: "message header error", sub: { notSynchronized: 1, badLength: 2, badType: 3 } },
  open: {
    code: 2,
    name: "OPEN message error",
    sub: {
      unspecific: 0,
      unsupportedVersion: 1,
      badPeerAs: 2,
      badIdentifier: 3,
      unsupportedParameter: 4,
      unacceptableHoldTime: 6,
      unsupportedCapability: 7,
      roleMismatch: 11,
    },
  },
  update: {
    code: 3,
    name: "UPDATE message error",
    sub: {
      malformedAttributeList: 1,
      unrecognizedWellKnown: 2,
      missingWellKnown: 3,
      attributeFlags: 4,
      attributeLength: 5,
      invalidOrigin: 6,
      invalidNextHop: 8,
      optionalAttribute: 9,
      invalidNetworkField: 10,
      malformedAsPath: 11,
    },
  },
  holdTimer: { code: 4, name: "hold timer expired", sub: {} },
  fsm: { code: 5, name: "finite state machine error", sub: { openSent: 1, openConfirm: 2, established: 3 } },
  cease: {
    code: 6,
    name: "cease",
    sub: {
      maximumPrefixes: 1,
      administrativeShutdown: 2,
      peerDeconfigured: 3,
      administrativeReset: 4,
      connectionRejected: 5,
      otherConfigurationChange: 6,
      collisionResolution: 7,
      outOfResources: 8,
      hardReset: 9,
      bfdDown: 10,
    },
  },
  routeRefresh: { code: 7, name: "ROUTE-REFRESH message error", sub: { invalidLength: 1 } },
  sendHoldTimer: { code: 8, name: "send hold timer expired", sub: {} },
} as const;

/** Subcodes in words, by code. */
const SUBCODE_WORDS: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  1: { 1: "connection not synchronised", 2: "bad message length", 3: "bad message type" },
  2: {
    1: "unsupported version number",
    2: "bad peer AS",
    3: "bad BGP identifier",
    4: "unsupported optional parameter",
    5: "authentication failure",
    6: "unacceptable hold time",
    7: "unsupported capability",
    11: "role mismatch",
  },
  3: {
    1: "malformed attribute list",
    2: "unrecognised well-known attribute",
    3: "missing well-known attribute",
    4: "attribute flags error",
    5: "attribute length error",
    6: "invalid ORIGIN",
    7: "AS routing loop",
    8: "invalid NEXT_HOP",
    9: "optional attribute error",
    10: "invalid network field",
    11: "malformed AS_PATH",
  },
  5: {
    1: "unexpected message in OpenSent",
    2: "unexpected message in OpenConfirm",
    3: "unexpected message in Established",
  },
  6: {
    1: "maximum number of prefixes reached",
    2: "administrative shutdown",
    3: "peer de-configured",
    4: "administrative reset",
    5: "connection rejected",
    6: "other configuration change",
    7: "connection collision resolution",
    8: "out of resources",
    9: "hard reset",
    10: "BFD down",
  },
  7: { 1: "invalid message length" },
};

/** `UPDATE message error: malformed AS_PATH`; codes that no RFC names come out as numbers. */
export function errorInWords(code: number, subcode: number): string {
  const known = Object.values(ERROR).find((row) => row.code === code);
  const name = known?.name ?? `error ${code}`;
  const words = SUBCODE_WORDS[code]?.[subcode];
  if (words !== undefined) return `${name}: ${words}`;
  return subcode === 0 ? name : `${name}: subcode ${subcode}`;
}

/** IANA "Well-known Communities" (RFC 1997, 3765, 7999, 8326, 9494). */
export const COMMUNITY = {
  gracefulShutdown: 0xffff0000,
  acceptOwn: 0xffff0001,
  llgrStale: 0xffff0006,
  noLlgr: 0xffff0007,
  blackhole: 0xffff029a,
  noExport: 0xffffff01,
  noAdvertise: 0xffffff02,
  noExportSubconfed: 0xffffff03,
  noPeer: 0xffffff04,
} as const;
