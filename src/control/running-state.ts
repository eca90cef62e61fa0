/**
 * What a daemon tells of itself so that another process can build a copy of it: the preview of a configuration runs on
 * such a copy. Plain JSON; octets are hexadecimal. Passwords are digests: they can be compared, not read.
 */
import { encodeUtf8, formatHex } from "../bgp/text.ts";
import type { KernelAddress, KernelLink, KernelRoute } from "../fib/fib.ts";
import { type Address, type Family, formatAddress, parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";

/** The first value of the answer. */
export interface RunningState {
  readonly version: string;
  readonly routerId: number;
  readonly config: {
    /** As printed; passwords are their digests. */
    readonly text: string;
    /** Digests of what is in password files, by path. */
    readonly secrets: Readonly<Record<string, string>>;
    readonly salt: string;
  };
  readonly links: readonly KernelLink[];
  readonly addresses: readonly PlainKernelAddress[];
  readonly sessions: readonly RunningSession[];
  /** It has restarted a moment ago, and holds back what it announces or writes until its peers have told their routes. */
  readonly recovering: boolean;
  /** Routes are announced with GRACEFUL_SHUTDOWN. */
  readonly draining: boolean;
}

/** An Established session, or one that was and whose routes are kept (RFC 4724). */
export interface RunningSession {
  /** The peer's name. */
  readonly peer: string;
  readonly local: PlainEndpoint;
  readonly remote: PlainEndpoint;
  /** The peer's OPEN, a whole message. */
  readonly open: string;
  /** Our OPEN went out without capabilities. */
  readonly bare: boolean;
  /** Families whose End-of-RIB the peer has sent. */
  readonly endOfRib: readonly Family[];
  /** Milliseconds since it was lost, the peer restarting; null while it is up. */
  readonly lostMs: number | null;
}

export interface PlainEndpoint {
  readonly address: string;
  readonly port: number;
}

/** The values that follow, in this order: first the kernel's routes, then the paths of peers. */
export type RunningPage =
  | { readonly kernel: readonly PlainKernelRoute[] }
  | {
      readonly family: Family;
      /** Canonical octets of the attribute sets that `paths` names. */
      readonly sets: Readonly<Record<number, string>>;
      readonly paths: readonly RunningPath[];
    };

export interface RunningSlice {
  readonly page: RunningPage;
  /** Where to go on; -1 at the end. */
  readonly next: number;
}

export type RunningPath = readonly [prefix: string, peer: string, pathId: number, set: number];

export interface PlainKernelAddress {
  readonly ifindex: number;
  readonly address: string;
  readonly prefixLength: number;
  readonly peer?: string;
  readonly usable: boolean;
}

export interface PlainKernelRoute {
  readonly prefix: string;
  readonly metric: number;
  readonly protocol: number;
  readonly kind: KernelRoute["kind"];
  readonly hops: readonly { readonly gateway?: string; readonly ifindex: number }[];
}

export function plainKernelAddress({ address, peer, ...rest }: KernelAddress): PlainKernelAddress {
  return { ...rest, address: formatAddress(address), ...(peer && { peer: formatAddress(peer) }) };
}

export function kernelAddressOf({ address, peer, ...rest }: PlainKernelAddress): KernelAddress {
  return { ...rest, address: addressOf(address), ...(peer !== undefined && { peer: addressOf(peer) }) };
}

export function plainKernelRoute(route: Omit<KernelRoute, "scope">): PlainKernelRoute {
  const { prefix, metric, protocol, kind, hops } = route;
  return {
    prefix: formatPrefix(prefix),
    metric,
    protocol,
    kind,
    hops: hops.map(({ gateway, ifindex }) => ({ ...(gateway && { gateway: formatAddress(gateway) }), ifindex })),
  };
}

export function kernelRouteOf({ prefix, hops, ...rest }: PlainKernelRoute): KernelRoute {
  const known = parsePrefix(prefix);
  if (!known) throw new Error(`Cannot read the daemon's state: ${prefix} is no prefix`);
  return {
    ...rest,
    prefix: known,
    scope: 0,
    hops: hops.map(({ gateway, ifindex }) => ({
      ...(gateway !== undefined && { gateway: addressOf(gateway) }),
      ifindex,
    })),
  };
}

/** Throws for what is no address. */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Error(`Cannot read the daemon's state: ${text} is no address`);
  return address;
}

/** 64 characters that stand for a password: equal for equal ones of one salt, and a password themselves. */
export function passwordDigest(sha256: (bytes: Uint8Array) => Uint8Array, salt: string, password: string): string {
  return formatHex(sha256(encodeUtf8(salt + password, 1024)).subarray(0, 32));
}

export function octetsOfHex(text: string): Uint8Array {
  const octets = new Uint8Array(text.length >> 1);
  for (let i = 0; i < octets.length; i++) octets[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return octets;
}
