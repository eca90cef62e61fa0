import type { PeerType } from "./types.ts";

/** A client is an internal peer that we reflect to. */
export function peerTypeOf(external: boolean, client: boolean): PeerType {
  return external ? "ebgp" : client ? "client" : "ibgp";
}
