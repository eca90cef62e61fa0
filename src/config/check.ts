/** What only the whole configuration shows: names without a definition, peers that contradict each other. */
import { formatAddress, isLinkLocal } from "../ip/address.ts";
import { checkKeys } from "./check-keys.ts";
import { checkPair } from "./check-pair.ts";
import { AS_TRANS, checkPeer, checkRange, checkRanges, isMulticast, unusable } from "./check-peer.ts";
import { checkPolicies, unknownPolicy } from "./check-policies.ts";
import type { Joined, Reporter } from "./join.ts";
import type { Config, DynamicPeersConfig, PeerConfig } from "./model.ts";
import { placeOf } from "./peer-groups.ts";
import type { KeyPath } from "./yaml-source.ts";

/**
 * Peers about which there was nothing to say, with what of the router that depended on. An unchanged peer of an unchanged
 * router is the same object.
 */
export type CheckMemo = WeakMap<PeerConfig, string>;

export function checkWhole(joined: Joined, config: Config, reporter: Reporter, memo: CheckMemo = new WeakMap()): void {
  checkRouter(joined, config, reporter);
  checkPolicies(joined, config, sessionsOf(config), reporter);
  checkStatic(joined, reporter);
  if (!config.kernel.keepOnExit && config.kernel.program)
    if (sessionsOf(config).some(({ gracefulRestart }) => gracefulRestart.mode === "on"))
      reporter.warning(
        joined.definedIn("kernel", "keepOnExit"),
        ["kernel", "keepOnExit"],
        "with gracefulRestart on, peers go on sending packets here while the daemon is away, but its routes are gone",
      );
  const unknown = unknownPolicy(config.kernel.export, joined);
  if (unknown) reporter.error(joined.definedIn("kernel", "export"), ["kernel", "export"], unknown);
  for (const { file, path, value } of joined.brokenPeers)
    checkPolicyNames((key) => [file, [...path, key]], value, joined, reporter);
  for (const each of [...joined.peers, ...joined.dynamicPeers])
    checkPolicyNames((key) => placeOf(each, [key]), each.value, joined, reporter);
  for (const { file, path, value } of joined.peerGroups.values())
    if (value) checkPolicyNames((key) => [file, [...path, key]], value, joined, reporter);
  const router = JSON.stringify(config.router);
  const byAddress = new Map<string, number[]>();
  for (const [i, peer] of config.peers.entries()) {
    if (memo.get(peer) !== router) {
      const before = reporter.reports;
      checkPeer(peer, joined.peers[i]!, config.router, reporter);
      if (reporter.reports === before) memo.set(peer, router);
    }
    const key = formatAddress(peer.address);
    const others = byAddress.get(key);
    for (const j of others ?? []) checkPair(peer, config.peers[j]!, joined.peers[i]!, reporter);
    if (others) others.push(i);
    else byAddress.set(key, [i]);
  }
  for (const [i, entry] of config.dynamicPeers.entries())
    checkRange(entry, joined.dynamicPeers[i]!, config.router, reporter);
  checkRanges(joined, config, reporter);
  checkKeys(joined, config, reporter);
}

function sessionsOf({ peers, dynamicPeers }: Config): DynamicPeersConfig["template"][] {
  return [...peers, ...dynamicPeers.map(({ template }) => template)];
}

function checkRouter(joined: Joined, config: Config, reporter: Reporter): void {
  const { router } = config;
  if (router.asn === AS_TRANS)
    reporter.warning(
      joined.definedIn("router", "asn"),
      ["router", "asn"],
      "23456 is AS_TRANS (RFC 6793), not an AS of anyone",
    );
  const file = joined.definedIn("router", "listen");
  const seen = new Set<string>();
  for (const [i, { address, port, interface: device }] of router.listen.entries()) {
    const key = `${formatAddress(address)} port ${port}${device === undefined ? "" : ` on ${device}`}`;
    if (device !== undefined && address.zone !== undefined && address.zone !== device)
      reporter.error(file, ["router", "listen", i], `the address is on ${address.zone}, but interface is ${device}`);
    if (seen.has(key)) reporter.error(file, ["router", "listen", i], `a second listener at ${key}`);
    seen.add(key);
  }
  if (router.listen.length === 0 && sessionsOf(config).some(({ passive }) => passive))
    reporter.warning(file, ["router", "listen"], "nothing listens, so passive peers can never connect");
}

function checkStatic(joined: Joined, reporter: Reporter): void {
  for (const { file, path, value } of joined.static)
    for (const [i, { gateway, interface: device }] of (value.via ?? []).entries()) {
      if (!gateway) continue;
      const say = (message: string) => reporter.error(file, [...path, "via", i], message);
      const fault = unusable(gateway);
      if (fault && isMulticast(gateway))
        reporter.warning(file, [...path, "via", i], `${fault}: the route is never of use`);
      else if (fault && !(isLinkLocal(gateway) && device !== undefined)) say(fault);
      // The kernel knows IPv4 routes by IPv6 gateways (RTA_VIA), and not the reverse.
      else if (value.prefix.family === "ipv6" && gateway.family === "ipv4")
        say("an IPv6 prefix needs an IPv6 next hop");
      else if (gateway.zone !== undefined && device !== undefined && gateway.zone !== device)
        say(`the gateway is on ${gateway.zone}, but interface is ${device}`);
    }
}

function checkPolicyNames(
  place: (key: string) => [string, KeyPath],
  peer: { readonly import?: string | undefined; readonly export?: string | undefined },
  joined: Joined,
  reporter: Reporter,
): void {
  for (const direction of ["import", "export"] as const) {
    const name = peer[direction];
    const unknown = name === undefined ? undefined : unknownPolicy(name, joined);
    if (unknown) reporter.error(...place(direction), unknown);
  }
}
