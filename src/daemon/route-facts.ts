import type { Family } from "../ip/address.ts";
import type { PrefixRow } from "../ip/prefix-table.ts";
import { noRoute } from "../policy/no-route.ts";
import { type CompiledPolicy, READS, type RouteFacts } from "../policy/types.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { PeerTable } from "../rib/peers.ts";
import { type AttributeSets, FIRST_PEER, type PeerId, type SetHandle } from "../rib/types.ts";

/** Routes of the tables as export policies see them: one object, valid until the next route is asked for. */
export interface FactsReader {
  /** The last route, or none: enough for a policy that reads nothing. */
  readonly facts: RouteFacts;
  read(policy: CompiledPolicy, family: Family, row: PrefixRow, source: PeerId, set: SetHandle): RouteFacts;
}

export function createFactsReader(ribs: Record<Family, FamilyRib>, sets: AttributeSets, peers: PeerTable): FactsReader {
  const facts = noRoute();
  return {
    facts,
    read(policy, family, row, source, set) {
      facts.family = family;
      if (policy.reads & READS.prefix) {
        const { prefixes } = ribs[family];
        prefixes.writeAddress(row, facts.prefixBytes, 0);
        facts.prefixLength = prefixes.length(row);
      }
      const owner = peers.facts(source)!;
      facts.source = owner.source;
      facts.fromPeer = source >= FIRST_PEER ? owner.name : "";
      facts.attributes = sets.attributes(set);
      facts.preference = sets.preference(set);
      facts.metric = sets.metric(set);
      return facts;
    },
  };
}
