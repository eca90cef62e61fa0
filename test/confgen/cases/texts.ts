/** Prefixes and addresses of texts that come again and again. */
import { type Address, parseAddress } from "../../../src/ip/address.ts";
import { type Prefix, parsePrefix } from "../../../src/ip/prefix.ts";

const prefixes = new Map<string, Prefix>();
const addresses = new Map<string, Address>();

export function prefixOfText(text: string): Prefix {
  const prefix = prefixes.get(text) ?? parsePrefix(text);
  if (!prefix) throw new Error(`${text} is no prefix`);
  prefixes.set(text, prefix);
  return prefix;
}

export function addressOfText(text: string): Address {
  const address = addresses.get(text) ?? parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  addresses.set(text, address);
  return address;
}
