/** Links and addresses of this host, as the kernel reports them. */

import type { KernelAddress, KernelLink } from "../fib/fib.ts";
import { type Address, compareAddresses, type Family, isLinkLocal, sameAddress } from "../ip/address.ts";
import { contains, type Prefix, prefixOf } from "../ip/prefix.ts";

/** The subnet that an address of ours shares with a neighbour. */
export interface SharedLink {
  readonly ifindex: number;
  readonly subnet: Prefix;
  readonly own: Address;
}

export interface Interfaces {
  /** True when something changed. */
  setLink(link: KernelLink, gone: boolean): boolean;
  setAddress(address: KernelAddress, gone: boolean): boolean;
  link(ifindex: number): KernelLink | undefined;
  byName(name: string): KernelLink | undefined;
  /** "eth0", or "#7" when the link is unknown. */
  name(ifindex: number): string;
  isOwn(address: Address): boolean;
  /** The link on which the address is directly reachable: longest subnet of an up interface. */
  shared(address: Address): SharedLink | undefined;
  /** First usable address of the family on the interface: global before link-local. */
  primary(ifindex: number, family: Family): Address | undefined;
  linkLocal(ifindex: number): Address | undefined;
  /** Connected prefixes of up interfaces: link-local and loopback networks left out, sorted. */
  connected(): readonly { readonly prefix: Prefix; readonly ifindex: number; readonly address: Address }[];
  addresses(): readonly KernelAddress[];
  links(): readonly KernelLink[];
}

export function createInterfaces(): Interfaces {
  const links = new Map<number, KernelLink>();
  const addresses: KernelAddress[] = [];

  const isUp = (ifindex: number) => links.get(ifindex)?.up ?? true;
  const usable = () => addresses.filter((a) => a.usable && isUp(a.ifindex));

  return {
    setLink(link, gone) {
      const old = links.get(link.ifindex);
      if (gone) {
        links.delete(link.ifindex);
        return old !== undefined;
      }
      links.set(link.ifindex, link);
      return !old || old.up !== link.up || old.carrier !== link.carrier || old.name !== link.name;
    },
    setAddress(address, gone) {
      const at = addresses.findIndex(
        (a) =>
          a.ifindex === address.ifindex &&
          a.prefixLength === address.prefixLength &&
          sameAddress(a.address, address.address),
      );
      if (gone) {
        if (at >= 0) addresses.splice(at, 1);
        return at >= 0;
      }
      if (at >= 0) {
        const same = addresses[at]!.usable === address.usable;
        addresses[at] = address;
        return !same;
      }
      addresses.push(address);
      addresses.sort((a, b) => a.ifindex - b.ifindex || compareAddresses(a.address, b.address));
      return true;
    },
    link: (ifindex) => links.get(ifindex),
    byName: (name) => [...links.values()].find((link) => link.name === name),
    name: (ifindex) => links.get(ifindex)?.name ?? `#${ifindex}`,
    isOwn: (address) => addresses.some((a) => sameOctets(a.address, address)),
    shared(address) {
      let best: SharedLink | undefined;
      const zone = address.zone === undefined ? undefined : [...links.values()].find((l) => l.name === address.zone);
      for (const a of usable()) {
        if (zone && a.ifindex !== zone.ifindex) continue;
        const subnet = a.peer ? prefixOf(a.peer, a.prefixLength) : prefixOf(a.address, a.prefixLength);
        if (!contains(subnet, address) || (best && best.subnet.length >= subnet.length)) continue;
        best = { ifindex: a.ifindex, subnet, own: a.address };
      }
      return best;
    },
    primary(ifindex, family) {
      const here = usable().filter((a) => a.ifindex === ifindex && a.address.family === family);
      return (here.find((a) => !isLinkLocal(a.address)) ?? here[0])?.address;
    },
    linkLocal: (ifindex) => usable().find((a) => a.ifindex === ifindex && isLinkLocal(a.address))?.address,
    connected() {
      return usable()
        .filter((a) => !isLinkLocal(a.address) && !isLoopback(a.address))
        .map((a) => ({
          prefix: prefixOf(a.peer ?? a.address, a.prefixLength),
          ifindex: a.ifindex,
          address: a.address,
        }));
    },
    addresses: () => addresses,
    links: () => [...links.values()],
  };
}

function isLoopback(address: Address): boolean {
  if (address.family === "ipv4") return address.bytes[0] === 127;
  return address.bytes.every((octet, i) => octet === (i === 15 ? 1 : 0));
}

function sameOctets(a: Address, b: Address): boolean {
  return a.bytes.length === b.bytes.length && a.bytes.every((octet, i) => octet === b.bytes[i]);
}
