import type { Family } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { NO_ATTRIBUTES, NO_INTERFACES, noRoute } from "../policy/no-route.ts";
import { peerTypeOf } from "../policy/peer-type.ts";
import { type CompiledPolicy, type PeerType, READS, type RouteFacts } from "../policy/types.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { PeerTable } from "../rib/peers.ts";
import { type AttributeSets, FIRST_PEER, type NextHops, type PeerId, type SetHandle } from "../rib/types.ts";

/** Routes of the tables as export policies see them: one object, valid until the next route is asked for. */
export interface FactsReader {
  /** The last route, or none: enough for a policy that reads nothing. */
  readonly facts: RouteFacts;
  /** `peerType`: of the session that the policy runs for; undefined for the kernel. */
  read(
    policy: CompiledPolicy,
    peerType: PeerType | undefined,
    family: Family,
    row: PrefixRow,
    source: PeerId,
    set: SetHandle,
  ): RouteFacts;
}

export function createFactsReader(
  ribs: Record<Family, FamilyRib>,
  sets: AttributeSets,
  peers: PeerTable,
  nextHops: NextHops,
): FactsReader {
  const facts = noRoute();
  return {
    facts,
    read(policy, peerType, family, row, source, set) {
      const { reads } = policy;
      facts.family = family;
      if (reads & READS.prefix) {
        const { prefixes } = ribs[family];
        prefixes.writeAddress(row, facts.prefixBytes, 0);
        facts.prefixLength = prefixes.length(row);
      }
      const owner = peers.facts(source)!;
      const isPeer = source >= FIRST_PEER;
      facts.source = owner.source;
      facts.fromPeer = isPeer ? owner.name : "";
      facts.fromPeerType = isPeer ? peerTypeOf(owner.external, owner.client) : undefined;
      facts.peerType = peerType;
      facts.interfaces = reads & READS.interface ? nextHops.interfaces(sets.nextHop(set)) : NO_INTERFACES;
      facts.attributes = reads & READS.attributes ? sets.attributes(set) : NO_ATTRIBUTES;
      facts.preference = sets.preference(set);
      facts.localPref = sets.localPref(set);
      facts.metric = sets.metric(set);
      return facts;
    },
  };
}
