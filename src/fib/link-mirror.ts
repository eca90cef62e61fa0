import { formatAddress } from "../ip/address.ts";
import type { KernelAddress, KernelEvent, KernelLink } from "./fib.ts";

export interface LinkListener {
  emit(event: KernelEvent): void;
  /** The link went administratively down or away: IPv4 routes through it are gone without a notification. */
  linkDown(link: KernelLink): void;
  linkUp(link: KernelLink): void;
  /** The last address of the family on the link has gone when `last`. */
  addressGone(address: KernelAddress, last: boolean): void;
  addressAdded(address: KernelAddress): void;
}

/** Links and addresses of the namespace. Few, and seldom changing: objects. */
export class LinkMirror {
  private readonly listener: LinkListener;
  private readonly links = new Map<number, KernelLink>();
  private readonly addresses = new Map<string, KernelAddress>();
  private readonly seenLinks = new Set<number>();
  private readonly seenAddresses = new Set<string>();

  constructor(listener: LinkListener) {
    this.listener = listener;
  }

  readonly isDown = (ifindex: number): boolean => ifindex !== 0 && !this.links.get(ifindex)?.up;

  name(ifindex: number): string {
    return this.links.get(ifindex)?.name ?? `interface ${ifindex}`;
  }

  link(link: KernelLink, gone: boolean): void {
    const old = this.links.get(link.ifindex);
    if (gone) {
      if (!old) return;
      this.links.delete(link.ifindex);
      this.listener.emit({ kind: "link", link: { ...link, up: false, carrier: false }, gone });
      this.listener.linkDown(link);
      return;
    }
    this.seenLinks.add(link.ifindex);
    if (old && sameLink(old, link)) return;
    this.links.set(link.ifindex, link);
    this.listener.emit({ kind: "link", link, gone });
    if (old?.up && !link.up) this.listener.linkDown(link);
    if (link.up && (!old?.up || (link.carrier && !old.carrier))) this.listener.linkUp(link);
  }

  address(address: KernelAddress, gone: boolean): void {
    const key = keyOf(address);
    const old = this.addresses.get(key);
    if (gone) {
      if (!old) return;
      this.addresses.delete(key);
      this.listener.emit({ kind: "address", address, gone });
      this.listener.addressGone(address, !this.hasAddress(address));
      return;
    }
    this.seenAddresses.add(key);
    if (old?.usable === address.usable) return;
    this.addresses.set(key, address);
    this.listener.emit({ kind: "address", address, gone });
    this.listener.addressAdded(address);
  }

  private hasAddress(like: KernelAddress): boolean {
    for (const { ifindex, address } of this.addresses.values())
      if (ifindex === like.ifindex && address.family === like.address.family) return true;
    return false;
  }

  beginDump(): void {
    this.seenLinks.clear();
    this.seenAddresses.clear();
  }

  sweepLinks(): void {
    for (const [ifindex, link] of this.links) if (!this.seenLinks.has(ifindex)) this.link(link, true);
  }

  sweepAddresses(): void {
    for (const [key, address] of this.addresses) if (!this.seenAddresses.has(key)) this.address(address, true);
  }
}

function sameLink(a: KernelLink, b: KernelLink): boolean {
  return a.name === b.name && a.up === b.up && a.carrier === b.carrier && a.loopback === b.loopback;
}

function keyOf({ ifindex, address, prefixLength, peer }: KernelAddress): string {
  return `${ifindex} ${formatAddress(address)}/${prefixLength}${peer ? ` ${formatAddress(peer)}` : ""}`;
}
