/**
 * Prefixes that no peer can mean to be reached by unicast (RFC 4271 §6.3: ignored, the session stays). The octets are those
 * of an NLRI; bits behind the length do not count.
 */

/** 224.0.0.0/4, 240.0.0.0/4 and what is in them, 127.0.0.0/8 and what is in it. */
export function isMartianIpv4(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < 3) return false;
  const first = bytes[at]!;
  return first >= 224 || (first === 127 && length >= 8);
}

/** ff00::/8, fe80::/10, ::1, and IPv4 addresses in ::ffff:0:0/96. */
export function isMartianIpv6(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < 8) return false;
  const first = bytes[at]!;
  if (first === 0xff) return true;
  if (first === 0xfe) return length >= 10 && (bytes[at + 1]! & 0xc0) === 0x80;
  if (first !== 0 || length < 96) return false;
  for (let i = 1; i < 10; i++) if (bytes[at + i] !== 0) return false;
  if (bytes[at + 10] === 0xff && bytes[at + 11] === 0xff) return true;
  for (let i = 10; i < 15; i++) if (bytes[at + i] !== 0) return false;
  return length === 128 && bytes[at + 15] === 1;
}
