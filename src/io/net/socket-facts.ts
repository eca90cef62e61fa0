/** What the kernel tells of a socket, and of all sockets of the network namespace. */
import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import type { ConnectionHealth, RefusedSegments } from "../../daemon/ports.ts";
import type { Family } from "../../ip/address.ts";
import { getOption, interfaceName, setIntOption } from "./native.ts";

const SOL_SOCKET = 1;
const SO_MEMINFO = 55;
/** Octets of SO_MEMINFO, and where the number of dropped segments stands. */
const MEMINFO_OCTETS = 36;
const MEMINFO_DROPS = 32;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** Of `struct tcp_info`, as much as is read. */
const TCP_INFO_OCTETS = 28;
const INFO_RETRANSMITS = 2;
const INFO_UNACKED = 24;

const littleEndian = endianness() === "LE";

export function healthOf(fd: number): ConnectionHealth | undefined {
  const memory = getOption(fd, SOL_SOCKET, SO_MEMINFO, MEMINFO_OCTETS);
  const info = getOption(fd, IPPROTO_TCP, TCP_INFO, TCP_INFO_OCTETS);
  if (typeof memory === "number" || typeof info === "number") return undefined;
  if (memory.length < MEMINFO_OCTETS || info.length < TCP_INFO_OCTETS) return undefined;
  return {
    dropped: viewOf(memory).getUint32(MEMINFO_DROPS, littleEndian),
    retransmits: info[INFO_RETRANSMITS]!,
    unacknowledged: viewOf(info).getUint32(INFO_UNACKED, littleEndian),
  };
}

/** How a connection came in. */
export interface Arrival {
  readonly interface?: string;
  readonly ttl?: number;
}

/** By family: the options that make the kernel tell of the handshake's last segment, and its control messages. */
const ARRIVAL = {
  ipv4: { level: 0, ask: [8, 12], read: 9, info: 8, ifindexAt: 0, ttl: 2 },
  ipv6: { level: 41, ask: [49, 51], read: 6, info: 50, ifindexAt: 16, ttl: 52 },
} as const;

/**
 * Interface and TTL of the handshake's last segment on an accepted socket: IP_PKTOPTIONS or IPV6_2292PKTOPTIONS, which
 * for TCP answer with what the socket remembers of it. Control messages are
 *
 *      size_t length | int level | int type | data, padded to 8 octets
 */
export function arrivalOf(fd: number, family: Family): Arrival {
  const { level, ask, read, info, ifindexAt, ttl } = ARRIVAL[family];
  for (const option of ask) setIntOption(fd, level, option, 1);
  const octets = getOption(fd, level, read, 256);
  for (const option of ask) setIntOption(fd, level, option, 0);
  if (typeof octets === "number") return {};
  const view = viewOf(octets);
  let found: Arrival = {};
  for (let at = 0; at + 16 < octets.length; ) {
    const length = view.getUint32(littleEndian ? at : at + 4, littleEndian);
    const type = view.getInt32(at + 12, littleEndian);
    if (length <= 16 || at + length > octets.length) break;
    if (type === info) {
      const name = interfaceName(view.getInt32(at + 16 + ifindexAt, littleEndian));
      if (name !== undefined) found = { ...found, interface: name };
    } else if (type === ttl) found = { ...found, ttl: view.getInt32(at + 16, littleEndian) };
    at += (length + 7) & ~7;
  }
  return found;
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

/** Reads the counters of /proc/net/netstat; undefined where there are none. */
export function readRefused(path = "/proc/net/netstat"): RefusedSegments | undefined {
  try {
    return parseRefused(readFileSync(path, "latin1"));
  } catch {
    return undefined;
  }
}

/** Two lines per group: names, then values in the same order. */
export function parseRefused(text: string): RefusedSegments | undefined {
  const [names, values] = text.split("\n").filter((line) => line.startsWith("TcpExt:"));
  if (names === undefined || values === undefined) return undefined;
  const columns = names.split(" ");
  const numbers = values.split(" ");
  const of = (name: string) => Number(numbers[columns.indexOf(name)] ?? 0);
  return {
    unsigned: of("TCPMD5NotFound"),
    unexpected: of("TCPMD5Unexpected"),
    mismatched: of("TCPMD5Failure"),
    fromAfar: of("TCPMinTTLDrop"),
  };
}
