import { type Address, compareAddresses, isMartian } from "../ip/address.ts";
import type { Config } from "./model.ts";

/** SHA-256 of octets; an argument because this folder knows no cryptography. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/**
 * The BGP identifier: the configured one; else the first IPv4 listen address that is neither unspecified nor loopback;
 * else the lowest global IPv4 address of an interface; else the first four octets of SHA-256 of the host name, the
 * first lessened by 32 where it is over 223, so that it looks like a unicast address. Chosen once, at start.
 */
export function chooseRouterId(
  config: Pick<Config, "router">,
  interfaceAddresses: readonly Address[],
  hostName: string,
  sha256: Sha256,
): number {
  if (config.router.id !== undefined) return config.router.id;
  const listen = config.router.listen.find(({ address }) => isHost(address));
  if (listen) return numberOf(listen.address.bytes);
  const global = interfaceAddresses.filter((address) => isHost(address) && !isIpv4LinkLocal(address));
  const lowest = global.sort(compareAddresses)[0];
  if (lowest) return numberOf(lowest.bytes);
  const digest = sha256(utf8(hostName)).slice(0, 4);
  if (digest[0]! > 223) digest[0] = digest[0]! - 32;
  return numberOf(digest) || 1;
}

function isHost(address: Address): boolean {
  return address.family === "ipv4" && !isMartian(address);
}

/** 169.254.0.0/16 */
function isIpv4LinkLocal({ bytes }: Address): boolean {
  return bytes[0] === 169 && bytes[1] === 254;
}

function numberOf(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

function utf8(text: string): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    if (point < 0x80) octets.push(point);
    else if (point < 0x800) octets.push(0xc0 | (point >> 6), continuation(point, 0));
    else if (point < 0x10000) octets.push(0xe0 | (point >> 12), continuation(point, 6), continuation(point, 0));
    else octets.push(0xf0 | (point >> 18), continuation(point, 12), continuation(point, 6), continuation(point, 0));
  }
  return Uint8Array.from(octets);
}

function continuation(point: number, shift: number): number {
  return 0x80 | ((point >> shift) & 0x3f);
}
