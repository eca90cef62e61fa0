import type { PeerConfig, RouterConfig } from "./model.ts";

/** The AS that we are on a session: `localAs` stands for the router's. */
export function ownAs(router: Pick<RouterConfig, "asn">, peer: Pick<PeerConfig, "localAs">): number {
  return peer.localAs?.asn ?? router.asn;
}

/** Whether the session is internal (RFC 4271 §1.1), by the AS that we are on it. */
export function isInternal(router: Pick<RouterConfig, "asn">, peer: Pick<PeerConfig, "asn" | "localAs">): boolean {
  return peer.asn === ownAs(router, peer);
}
