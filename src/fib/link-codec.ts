import type { KernelAddress, KernelLink } from "./fib.ts";
import { i32, put16, put32, u16 } from "./little-endian.ts";
import {
  AF,
  align4,
  IFA,
  IFA_F,
  IFADDRMSG,
  IFF,
  IFINFOMSG,
  IFLA,
  NLM_F,
  NLMSG_HEADER,
  RTEXT_FILTER_SKIP_STATS,
  RTM,
} from "./rtnetlink.ts";

/** A request to dump all links, without their statistics. */
export function writeLinkDump(out: Uint8Array, seq: number): number {
  out.fill(0, 0, 40);
  put16(out, 4, RTM.getLink);
  put16(out, 6, NLM_F.request | NLM_F.dump);
  put32(out, 8, seq);
  put16(out, 32, 8);
  put16(out, 34, IFLA.extMask);
  put32(out, 36, RTEXT_FILTER_SKIP_STATS);
  put32(out, 0, 40);
  return 40;
}

/** A request to dump the addresses of both families. */
export function writeAddressDump(out: Uint8Array, seq: number): number {
  out.fill(0, 0, 24);
  put16(out, 4, RTM.getAddress);
  put16(out, 6, NLM_F.request | NLM_F.dump);
  put32(out, 8, seq);
  put32(out, 0, 24);
  return 24;
}

/** The attribute of `type` in `bytes` from `p` to `end`: the offset of its header, or -1. */
export function findAttribute(bytes: Uint8Array, from: number, end: number, type: number): number {
  for (let p = from; p + 4 <= end; ) {
    const octets = u16(bytes, p);
    if (octets < 4 || p + octets > end) return -1;
    if ((u16(bytes, p + 2) & 0x3fff) === type) return p;
    p += align4(octets);
  }
  return -1;
}

/** ifinfomsg: family u8, pad, type u16, index s32 @4, flags u32 @8, change u32. Undefined when it is none. */
export function parseLink(bytes: Uint8Array, at: number, octets: number): KernelLink | undefined {
  const from = at + NLMSG_HEADER + IFINFOMSG;
  // AF_BRIDGE messages tell of ports of a bridge, not of links.
  if (NLMSG_HEADER + IFINFOMSG > octets || bytes[at + 16] !== AF.unspec) return undefined;
  const flags = i32(bytes, at + 24);
  const name = findAttribute(bytes, from, at + octets, IFLA.name);
  return {
    ifindex: i32(bytes, at + 20),
    name: name < 0 ? "" : text(bytes, name + 4, name + u16(bytes, name)),
    up: (flags & IFF.up) !== 0,
    carrier: (flags & IFF.lowerUp) !== 0,
    loopback: (flags & IFF.loopback) !== 0,
  };
}

/** ifaddrmsg: family, prefixlen, flags, scope u8, index u32 @4. Undefined when it is none. */
export function parseAddressMessage(bytes: Uint8Array, at: number, octets: number): KernelAddress | undefined {
  const from = at + NLMSG_HEADER + IFADDRMSG;
  const end = at + octets;
  if (from > end) return undefined;
  const size = bytes[at + 16] === AF.inet ? 4 : bytes[at + 16] === AF.inet6 ? 16 : 0;
  if (size === 0 || bytes[at + 17]! > 8 * size) return undefined;
  const family = size === 4 ? "ipv4" : "ipv6";
  const addressOf = (type: number) => {
    const p = findAttribute(bytes, from, end, type);
    return p < 0 || u16(bytes, p) !== 4 + size ? undefined : bytes.slice(p + 4, p + 4 + size);
  };
  const first = addressOf(IFA.address);
  const local = addressOf(IFA.local) ?? first;
  if (!local) return undefined;
  const wide = findAttribute(bytes, from, end, IFA.flags);
  const flags = wide < 0 ? bytes[at + 18]! : i32(bytes, wide + 4);
  const peer = first?.some((octet, i) => octet !== local[i]) ? ({ family, bytes: first } as const) : undefined;
  return {
    ifindex: i32(bytes, at + 20),
    address: { family, bytes: local },
    prefixLength: bytes[at + 17]!,
    ...(peer && { peer }),
    usable: (flags & IFA_F.dadFailed) === 0 && ((flags & IFA_F.tentative) === 0 || (flags & IFA_F.optimistic) !== 0),
  };
}

/** Text up to a NUL; interface names are bytes, mostly ASCII. */
export function text(bytes: Uint8Array, from: number, end: number): string {
  let out = "";
  for (let i = from; i < end && bytes[i] !== 0; i++) out += String.fromCharCode(bytes[i]!);
  return out;
}
