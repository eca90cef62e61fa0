/** Socket addresses and options as Linux lays them out; every function returns 0 or a negative errno. */
import { endianness } from "node:os";
import type { Address } from "../../ip/address.ts";
import { AF_INET, AF_INET6, interfaceIndex, setIntOption, setOption } from "./native.ts";

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_MINTTL = 21;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const IPV6_MINHOPCOUNT = 73;

/** DSCP CS6, "internetwork control" (RFC 4594 §3.1). */
const TOS_INTERNETWORK_CONTROL = 0xc0;
const ENODEV = 19;
const IFNAMSIZ = 16;

const littleEndian = endianness() === "LE";

export function domainOf(address: Address): number {
  return address.family === "ipv4" ? AF_INET : AF_INET6;
}

/** `struct sockaddr_in` or `struct sockaddr_in6`. A zone that is not an interface's name gives undefined. */
export function socketAddress(address: Address, port: number): Uint8Array | undefined {
  const v4 = address.family === "ipv4";
  const out = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(out.buffer);
  view.setUint16(0, domainOf(address), littleEndian);
  view.setUint16(2, port);
  out.set(address.bytes, v4 ? 4 : 8);
  if (address.zone !== undefined) {
    const index = interfaceIndex(address.zone);
    if (index === 0) return undefined;
    view.setUint32(24, index, littleEndian);
  }
  return out;
}

/** What every BGP socket has: no Nagle delay, network-control priority, a small kernel send buffer. */
export function setCommonOptions(fd: number, address: Address, sendBufferOctets: number): number {
  return (
    setIntOption(fd, IPPROTO_TCP, TCP_NODELAY, 1) ||
    setIntOption(fd, SOL_SOCKET, SO_SNDBUF, sendBufferOctets) ||
    (address.family === "ipv4"
      ? setIntOption(fd, IPPROTO_IP, IP_TOS, TOS_INTERNETWORK_CONTROL)
      : setIntOption(fd, IPPROTO_IPV6, IPV6_TCLASS, TOS_INTERNETWORK_CONTROL))
  );
}

/**
 * A listener of one family only: MD5 keys and peer addresses never meet the v4-mapped form. It answers with TTL 255,
 * since a peer that demands it (RFC 5082) would drop the handshake otherwise, and whose SYN it is we cannot know yet.
 */
export function setListenerOptions(fd: number, address: Address): number {
  return (
    setIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
    setHops(fd, address.family, 255, undefined) ||
    (address.family === "ipv6" ? setIntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0)
  );
}

/** The source port is chosen at connect, so that many connections of one source address do not exhaust the ports. */
export function setLatePort(fd: number): number {
  return setIntOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}

export function setInterface(fd: number, name: string): number {
  const octets = new TextEncoder().encode(name);
  if (octets.length === 0 || octets.length >= IFNAMSIZ) return -ENODEV;
  return setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, octets);
}

/** In place of a TTL: the system's own. */
export const SYSTEM_TTL = -1;

/** TTL or hop limit that is sent, and the least that is accepted (RFC 5082 §3); undefined leaves either as it is. */
export function setHops(
  fd: number,
  family: Address["family"],
  ttl: number | undefined,
  minTtl: number | undefined,
): number {
  const v4 = family === "ipv4";
  const level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  return (
    (ttl === undefined ? 0 : setIntOption(fd, level, v4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl)) ||
    (minTtl === undefined ? 0 : setIntOption(fd, level, v4 ? IP_MINTTL : IPV6_MINHOPCOUNT, minTtl))
  );
}
