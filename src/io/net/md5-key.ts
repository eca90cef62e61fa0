/** The TCP-MD5 keys (RFC 2385) of a socket. */
import { endianness } from "node:os";
import type { Address } from "../../ip/address.ts";
import { prefixOf } from "../../ip/prefix.ts";
import { interfaceIndex, setOption } from "./native.ts";
import { socketAddress } from "./socket-options.ts";

const IPPROTO_TCP = 6;
const TCP_MD5SIG = 14;
const TCP_MD5SIG_EXT = 32;
const KEY_MAX = 80;
const FLAG_PREFIX = 1;
const FLAG_IFINDEX = 2;
const EINVAL = 22;
const ENODEV = 19;

const littleEndian = endianness() === "LE";

/** Whose segments a key signs. */
export interface KeyOwner {
  readonly remote: Address;
  /** Undefined: the one address. */
  readonly prefixLength?: number | undefined;
  /** Only in this VRF. */
  readonly vrf?: string | undefined;
}

/**
 * Sets the key for a remote address or prefix; an empty key removes it. Returns 0 or a negative errno. `struct tcp_md5sig`:
 *
 *      0                128     129             130         132         136
 *      | sockaddr 128 B | flags | prefix length | key length | ifindex | key 80 B |
 *
 * Host bits are masked here: the kernel takes an unmasked prefix without error, and then it never matches. It takes an
 * ifindex for VRF devices only, and answers EINVAL for any other.
 */
export function setMd5Key(fd: number, owner: KeyOwner, key: string): number {
  const { remote, prefixLength, vrf } = owner;
  const octets = new TextEncoder().encode(key);
  if (octets.length > KEY_MAX) return -EINVAL;
  const full = remote.bytes.length * 8;
  const length = prefixLength ?? full;
  if (length < 0 || length > full) return -EINVAL;
  const { family, bytes } = prefixOf(remote, length);
  const value = new Uint8Array(216);
  const view = new DataView(value.buffer);
  value.set(socketAddress({ family, bytes }, 0)!); // without a zone it always exists
  view.setUint16(130, octets.length, littleEndian);
  value.set(octets, 136);
  if (prefixLength !== undefined) {
    value[128] = FLAG_PREFIX;
    value[129] = length;
  }
  if (vrf !== undefined) {
    const index = interfaceIndex(vrf);
    if (index === 0) return -ENODEV;
    value[128]! |= FLAG_IFINDEX;
    view.setInt32(132, index, littleEndian);
  }
  return setOption(fd, IPPROTO_TCP, value[128] === 0 ? TCP_MD5SIG : TCP_MD5SIG_EXT, value);
}
