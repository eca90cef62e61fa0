import type { Family } from "../ip/address.ts";

/** What an OPEN offers, decoded (RFC 5492 and each capability's RFC). Lists are empty and flags false where absent. */
export interface Capabilities {
  /** Undefined: no multiprotocol capability at all, which implies IPv4 unicast (RFC 4760 §8). */
  readonly families?: readonly Family[];
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** Capability 65; undefined when absent. */
  readonly fourOctetAs?: number;
  readonly gracefulRestart?: {
    readonly restarting: boolean;
    readonly notification: boolean;
    readonly timeSeconds: number;
    readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[];
  };
  readonly addPath: readonly { readonly family: Family; readonly mode: "receive" | "send" | "both" }[];
  readonly hostname?: string;
  readonly softwareVersion?: string;
  /** Every capability as it came (code and value), known or not, for show. */
  readonly raw?: readonly { readonly code: number; readonly value: Uint8Array }[];
}

/** An OPEN message (RFC 4271 §4.2). `asn` is the 16-bit field; the real AS is `capabilities.fourOctetAs ?? asn`. */
export interface OpenMessage {
  readonly version: number;
  readonly asn: number;
  readonly holdSeconds: number;
  readonly identifier: number;
  readonly capabilities: Capabilities;
}
