import { i32, put16, put32, u16 } from "./little-endian.ts";
import {
  AF,
  align4,
  NLM_F,
  NLMSG_HEADER,
  OWN_PROTOCOL,
  RT_SCOPE,
  RT_TABLE_COMPAT,
  RTA,
  RTA_TYPE_MASK,
  RTM,
  RTM_F_CLONED,
  RTMSG,
  RTN,
  RTNEXTHOP,
  RTNH_F_ONLINK,
} from "./rtnetlink.ts";
import { HOP_WORDS, WAY_HEAD, type WayId, type Ways, writeAddressWords } from "./ways.ts";

/** The identity of a route, reused from message to message. For writing and for what a parse found. */
export interface RouteMessage {
  /** RTM.newRoute or RTM.delRoute. */
  type: number;
  /** nlmsg_flags */
  flags: number;
  seq: number;
  /** nlmsg_pid: who asked for the change; 0 is the kernel itself. */
  pid: number;
  /** AF.inet or AF.inet6. */
  af: number;
  /** Prefix length in bits; `address` holds all octets. */
  length: number;
  readonly address: Uint8Array;
  tos: number;
  table: number;
  protocol: number;
  metric: number;
  /** Retained for the caller by `parseRoute`. */
  way: WayId;
}

export function createRouteMessage(): RouteMessage {
  return {
    type: RTM.newRoute,
    flags: 0,
    seq: 0,
    pid: 0,
    af: AF.inet,
    length: 0,
    address: new Uint8Array(16),
    tos: 0,
    table: 0,
    protocol: OWN_PROTOCOL,
    metric: 0,
    way: 0,
  };
}

/** Octets of the longest message for a way. */
export function routeOctets(ways: Ways, way: WayId): number {
  return NLMSG_HEADER + RTMSG + 20 + 8 + 8 + 20 + 12 + ways.hopCount(way) * (RTNEXTHOP + 24);
}

/**
 * Writes RTM_NEWROUTE or RTM_DELROUTE and returns the offset behind it.
 *
 *      nlmsghdr 16 | rtmsg 12 | RTA_DST | RTA_PRIORITY | RTA_TABLE | RTA_PREFSRC | RTA_GATEWAY or RTA_VIA, RTA_OIF
 *                                                                                 or RTA_MULTIPATH
 *
 * A deletion names the protocol and the metric and, for IPv6, each next hop, so that it can hit nothing but the route
 * meant: in IPv6 siblings of one set may belong to different protocols.
 */
export function writeRoute(out: Uint8Array, at: number, route: RouteMessage, ways: Ways): number {
  const words = ways.words(route.way);
  const deletes = route.type === RTM.delRoute;
  const v4 = route.af === AF.inet;
  put16(out, at + 4, route.type);
  put16(out, at + 6, route.flags);
  put32(out, at + 8, route.seq);
  put32(out, at + 12, 0);
  const hops = words[5]!;
  out[at + 16] = route.af;
  out[at + 17] = route.length;
  out[at + 18] = 0;
  out[at + 19] = route.tos;
  out[at + 20] = route.table > 255 ? RT_TABLE_COMPAT : route.table;
  out[at + 21] = route.protocol;
  out[at + 22] = deletes && v4 ? RT_SCOPE.nowhere : (words[0]! >> 8) & 0xff;
  out[at + 23] = deletes && v4 ? 0 : words[0]! & 0xff;
  put32(out, at + 24, hops === 1 && !deletes ? (words[WAY_HEAD]! >> 8) & 0xff : 0);
  let p = at + NLMSG_HEADER + RTMSG;
  const octets = v4 ? 4 : 16;
  p = attribute(out, p, RTA.destination, octets);
  for (let i = 0; i < octets; i++) out[p + i] = route.address[i]!;
  p += octets;
  if (route.metric !== 0) p = attribute32(out, p, RTA.priority, route.metric);
  p = attribute32(out, p, RTA.table, route.table);
  if (!deletes) p = writeSource(out, p, words);
  if (hops !== 0 && !(deletes && v4)) p = writeHops(out, p, words, octets);
  put32(out, at, p - at);
  return p;
}

function writeSource(out: Uint8Array, at: number, words: Int32Array): number {
  const octets = (words[0]! >> 16) & 0xff;
  if (octets === 0) return at;
  return writeAddressWords(words, 1, octets, out, attribute(out, at, RTA.prefSrc, octets));
}

function writeHops(out: Uint8Array, at: number, words: Int32Array, octets: number): number {
  if (words[5] === 1) {
    const p = writeGateway(out, at, words, WAY_HEAD, octets);
    return words[WAY_HEAD + 5] === 0 ? p : attribute32(out, p, RTA.oif, words[WAY_HEAD + 5]!);
  }
  let p = at + 4;
  for (let from = WAY_HEAD; from < words.length; from += HOP_WORDS) {
    const start = p;
    out[p + 2] = (words[from]! >> 8) & 0xff;
    out[p + 3] = words[from]! >>> 16;
    put32(out, p + 4, words[from + 5]!);
    p = writeGateway(out, p + RTNEXTHOP, words, from, octets);
    put16(out, start, p - start);
  }
  put16(out, at, p - at);
  put16(out, at + 2, RTA.multipath);
  return p;
}

/** RTA_GATEWAY, or RTA_VIA {family u16, address} where the gateway's family is not the route's. */
function writeGateway(out: Uint8Array, at: number, words: Int32Array, from: number, octets: number): number {
  const gateway = words[from]! & 0xff;
  if (gateway === 0) return at;
  if (gateway === octets)
    return writeAddressWords(words, from + 1, octets, out, attribute(out, at, RTA.gateway, octets));
  const p = attribute(out, at, RTA.via, 2 + gateway);
  put16(out, p, gateway === 4 ? AF.inet : AF.inet6);
  const end = writeAddressWords(words, from + 1, gateway, out, p + 2);
  const padded = align4(end);
  for (let i = end; i < padded; i++) out[i] = 0;
  return padded;
}

/** Writes the header of an attribute with a body of `octets`; returns where the body goes. */
function attribute(out: Uint8Array, at: number, type: number, octets: number): number {
  put16(out, at, 4 + octets);
  put16(out, at + 2, type);
  return at + 4;
}

function attribute32(out: Uint8Array, at: number, type: number, value: number): number {
  put32(out, attribute(out, at, type, 4), value);
  return at + 8;
}

/** A request to dump the routes of one family and table (strict checking makes the kernel filter). */
export function writeRouteDump(out: Uint8Array, seq: number, af: number, table: number): number {
  out.fill(0, 0, 36);
  put16(out, 4, RTM.getRoute);
  put16(out, 6, NLM_F.request | NLM_F.dump);
  put32(out, 8, seq);
  out[16] = af;
  out[20] = table > 255 ? 0 : table;
  attribute32(out, 28, RTA.table, table);
  put32(out, 0, 36);
  return 36;
}

/**
 * Reads the route message of `octets` octets at `at` into `into`; false when it is none that we look at (a cache entry,
 * another family, a malformed message). Allocates nothing unless the way is new. Lengths are checked before use.
 */
export function parseRoute(bytes: Uint8Array, at: number, octets: number, into: RouteMessage, ways: Ways): boolean {
  const end = at + octets;
  let p = at + NLMSG_HEADER + RTMSG;
  if (p > end) return false;
  const af = bytes[at + 16]!;
  const size = af === AF.inet ? 4 : af === AF.inet6 ? 16 : 0;
  const length = bytes[at + 17]!;
  const rtmFlags = i32(bytes, at + 24);
  if (size === 0 || length > size * 8 || bytes[at + 18] !== 0 || (rtmFlags & RTM_F_CLONED) !== 0) return false;
  into.type = u16(bytes, at + 4);
  into.flags = u16(bytes, at + 6);
  into.seq = i32(bytes, at + 8);
  into.pid = i32(bytes, at + 12);
  into.af = af;
  into.length = length;
  into.tos = bytes[at + 19]!;
  into.table = bytes[at + 20]!;
  into.protocol = bytes[at + 21]!;
  into.metric = 0;
  for (let i = 0; i < size; i++) into.address[i] = 0;
  ways.begin(bytes[at + 23]!, bytes[at + 22]!);
  let gateway = 0;
  let gatewayOctets = 0;
  let oif = 0;
  let multipath = false;
  while (p + 4 <= end) {
    const attributeOctets = u16(bytes, p);
    if (attributeOctets < 4 || p + attributeOctets > end) return false;
    const body = attributeOctets - 4;
    switch (u16(bytes, p + 2) & RTA_TYPE_MASK) {
      case RTA.destination:
        if (body < size) return false;
        for (let i = 0; i < size; i++) into.address[i] = bytes[p + 4 + i]!;
        break;
      case RTA.priority:
        if (body >= 4) into.metric = i32(bytes, p + 4) >>> 0;
        break;
      case RTA.table:
        if (body >= 4) into.table = i32(bytes, p + 4) >>> 0;
        break;
      case RTA.oif:
        if (body >= 4) oif = i32(bytes, p + 4);
        break;
      case RTA.gateway:
        if (body === 4 || body === 16) [gateway, gatewayOctets] = [p + 4, body];
        break;
      case RTA.via:
        if (body === 6 || body === 18) [gateway, gatewayOctets] = [p + 6, body - 2];
        break;
      case RTA.prefSrc:
        if (body === 4 || body === 16) ways.source(bytes, p + 4, body);
        break;
      case RTA.multipath:
        multipath = true;
        if (!parseHops(bytes, p + 4, p + attributeOctets, ways)) return false;
        break;
      default:
        break;
    }
    p += align4(attributeOctets);
  }
  if (!multipath && (gatewayOctets !== 0 || oif !== 0)) ways.hop(gatewayOctets, bytes, gateway, oif, rtmFlags, 1);
  into.way = ways.intern();
  return true;
}

/** RTA_MULTIPATH: rtnexthop {len u16, flags u8, weight-1 u8, ifindex s32}, each with its own attributes. */
function parseHops(bytes: Uint8Array, from: number, end: number, ways: Ways): boolean {
  let p = from;
  while (p + RTNEXTHOP <= end) {
    const octets = u16(bytes, p);
    if (octets < RTNEXTHOP || p + octets > end) return false;
    let gateway = 0;
    let gatewayOctets = 0;
    for (let a = p + RTNEXTHOP; a + 4 <= p + octets; ) {
      const attributeOctets = u16(bytes, a);
      if (attributeOctets < 4 || a + attributeOctets > p + octets) return false;
      const type = u16(bytes, a + 2) & RTA_TYPE_MASK;
      const skip = type === RTA.via ? 2 : 0;
      const body = attributeOctets - 4 - skip;
      if ((type === RTA.gateway || type === RTA.via) && (body === 4 || body === 16)) {
        gateway = a + 4 + skip;
        gatewayOctets = body;
      }
      a += align4(attributeOctets);
    }
    ways.hop(gatewayOctets, bytes, gateway, i32(bytes, p + 4), bytes[p + 2]! & RTNH_F_ONLINK, bytes[p + 3]! + 1);
    p += align4(octets);
  }
  return true;
}

/** The scope a route of ours is written with: LINK for an IPv4 route without gateway, else UNIVERSE. */
export function scopeFor(af: number, type: number, anyGateway: boolean): number {
  return af === AF.inet && type === RTN.unicast && !anyGateway ? RT_SCOPE.link : RT_SCOPE.universe;
}
