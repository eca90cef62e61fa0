import { MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS } from "../bgp/iana.ts";
import { type Address, compareAddresses, type Family, isLinkLocal } from "../ip/address.ts";
import { DEFAULT_ONLY } from "../policy/builtin.ts";
import type { Core } from "./core.ts";
import type { ExportContext } from "./export-context.ts";
import type { PeerRuntime } from "./peer.ts";
import { addressOnLink, announcedAses, clusterIdOf, isExternal, policyName } from "./settings.ts";

/** What this peer is sent, from its configuration, its session and the interfaces of now. */
export function exportContext(core: Core, peer: PeerRuntime, family: Family): ExportContext {
  const { config } = core;
  const external = isExternal(config, peer.config);
  const name = policyName(peer.config.export, external);
  const policy = core.policies.get(name) ?? core.policies.get("reject")!;
  const room = peer.config.maxPrefixesOut;
  const link = peer.config.multihop ? undefined : core.interfaces.shared(addressOnLink(peer.config));
  const local = peer.active?.local?.address;
  // On a session of the other family our next hop is an address of the interface that carries it.
  const ifindex = link?.ifindex ?? interfaceOf(core, local);
  const own = local?.family === family && !isLinkLocal(local) ? local : undefined;
  const self = own ?? (ifindex === 0 ? undefined : core.interfaces.primary(ifindex, family));
  const linkLocal = family === "ipv6" && link ? core.interfaces.linkLocal(link.ifindex) : undefined;
  const shared = link?.subnet.family === family ? link.subnet : otherSubnet(core, ifindex, family, link !== undefined);
  return {
    family,
    kind: external ? "external" : peer.config.routeReflectorClient ? "client" : "internal",
    policy,
    nextHop: peer.config.nextHop,
    self,
    selfLinkLocal: self && linkLocal && !isLinkLocal(self) ? linkLocal : undefined,
    shared,
    ...announcedAses(config, peer.config),
    clusterId: clusterIdOf(config, peer.config, core.routerId),
    fourOctetAs: peer.negotiated?.fourOctetAs ?? true,
    addPath: peer.negotiated?.addPath[family].send ? peer.config.addPath.send : "none",
    originates: name === DEFAULT_ONLY ? peer.config.defaultOnly : undefined,
    leaving: core.drain !== undefined,
    room: room?.action === "block" ? { peer: peer.id, limit: room.limit } : undefined,
    longLivedStale: longLivedStale(peer, external),
    maxOctets: peer.negotiated?.extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS,
  };
}

/** Whoever sent the capability knows the community; whether we did does not matter here. */
function longLivedStale({ negotiated, config }: PeerRuntime, external: boolean): ExportContext["longLivedStale"] {
  if (negotiated?.open.capabilities.longLived) return "pass";
  return config.gracefulRestart.staleToOthers && !external ? "lower" : "withdraw";
}

function interfaceOf(core: Core, local: Address | undefined): number {
  if (!local) return 0;
  const found = core.interfaces.addresses().find(({ address }) => compareAddresses(address, local) === 0);
  return found?.ifindex ?? 0;
}

/** The subnet of the other family on the session's link: next hops on it are the peer's neighbours too. */
function otherSubnet(core: Core, ifindex: number, family: Family, sharedLink: boolean) {
  if (!sharedLink || ifindex === 0) return undefined;
  return core.interfaces.connected().find((c) => c.ifindex === ifindex && c.prefix.family === family)?.prefix;
}
