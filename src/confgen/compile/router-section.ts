/** The speaker itself: who it is, and where it listens (calico-bgp.md 3.1). */
import { FAMILIES } from "../../ip/address.ts";
import type { ResourceView } from "../resources/view.ts";
import { within } from "./cidrs.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { PrefixSet, RouterSection } from "./document.ts";
import { REJECT_CIDRS } from "./kernel.ts";
import type { ServiceRoutes } from "./services.ts";

const ANY = { ipv4: "0.0.0.0", ipv6: "::" } as const;

/** Of a family without an address of the node there is no BGP, so nothing listens. */
export function routerSection(facts: ClusterFacts, { BGPConfiguration }: ResourceView): RouterSection {
  const { own: node, routerId, asn, clusterId, addresses, bindMode, listenPort } = facts;
  const configurations = ["default", `node.${node.name}`].filter((name) => BGPConfiguration.get(name)?.value);
  const origin = [`Node/${node.name}`, ...configurations.map((name) => `BGPConfiguration/${name}`)].join(", ");
  const listen = FAMILIES.flatMap((family) => {
    const own = addresses[family]?.address;
    return own === undefined ? [] : [{ address: bindMode === "NodeIP" ? own : ANY[family], port: listenPort }];
  });
  return { origin, id: routerId, asn, ...(clusterId !== undefined && { clusterId }), listen };
}

/** What the kernel gets no routes within. */
export function rejectCidrs({ rejects }: ServiceRoutes): readonly PrefixSet[] {
  if (rejects.length === 0) return [];
  const entries = rejects.map(({ cidr, origin }) => ({ match: within(cidr), origin }));
  return [{ name: REJECT_CIDRS, comment: "Services: nothing within goes to the kernel.", entries }];
}
