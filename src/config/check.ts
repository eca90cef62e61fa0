/** What only the whole configuration shows: names without a definition, peers that contradict each other. */
import { type Address, formatAddress, isLinkLocal } from "../ip/address.ts";
import { BUILTIN_POLICIES } from "../policy/builtin.ts";
import type { KernelEdits, Policy } from "../policy/types.ts";
import { type Joined, type Reporter, unknownName } from "./join.ts";
import type { Config, PeerConfig } from "./model.ts";
import type { KeyPath } from "./yaml-source.ts";

/** RFC 6793 §9: stands for ASes that do not fit into two octets, and is no AS itself. */
const AS_TRANS = 23456;

export function checkWhole(joined: Joined, config: Config, reporter: Reporter): void {
  checkRouter(joined, config, reporter);
  checkPolicies(joined, config, reporter);
  checkStatic(joined, reporter);
  const unknown = unknownPolicy(config.kernel.export, joined);
  if (unknown) reporter.error(joined.definedIn("kernel", "export"), ["kernel", "export"], unknown);
  for (const { file, path, value } of joined.brokenPeers) checkPolicyNames(file, path, value, joined, reporter);
  const byAddress = new Map<string, number[]>();
  for (const [i, peer] of config.peers.entries()) {
    checkPeer(i, joined, config, reporter);
    const key = formatAddress(peer.address);
    const others = byAddress.get(key);
    for (const j of others ?? []) checkPair(i, j, joined, config, reporter);
    if (others) others.push(i);
    else byAddress.set(key, [i]);
  }
}

function checkRouter(joined: Joined, { router, peers }: Config, reporter: Reporter): void {
  if (router.asn === AS_TRANS)
    reporter.warning(
      joined.definedIn("router", "asn"),
      ["router", "asn"],
      "23456 is AS_TRANS (RFC 6793), not an AS of anyone",
    );
  const file = joined.definedIn("router", "listen");
  const seen = new Set<string>();
  for (const [i, { address, port }] of router.listen.entries()) {
    const key = `${formatAddress(address)} port ${port}`;
    if (seen.has(key)) reporter.error(file, ["router", "listen", i], `a second listener at ${key}`);
    seen.add(key);
  }
  if (router.listen.length === 0 && peers.some(({ passive }) => passive))
    reporter.warning(file, ["router", "listen"], "nothing listens, so passive peers can never connect");
}

function checkStatic(joined: Joined, reporter: Reporter): void {
  for (const { file, path, value } of joined.static)
    for (const [i, { gateway, interface: device }] of (value.via ?? []).entries()) {
      if (!gateway) continue;
      const say = (message: string) => reporter.error(file, [...path, "via", i], message);
      const fault = unusable(gateway);
      if (fault && !(isLinkLocal(gateway) && device !== undefined)) say(fault);
      // The kernel knows IPv4 routes by IPv6 gateways (RTA_VIA), and not the reverse.
      else if (value.prefix.family === "ipv6" && gateway.family === "ipv4")
        say("an IPv6 prefix needs an IPv6 next hop");
      else if (gateway.zone !== undefined && device !== undefined && gateway.zone !== device)
        say(`the gateway is on ${gateway.zone}, but interface is ${device}`);
    }
}

/** A message when no policy has the name. */
function unknownPolicy(name: string, joined: Joined): string | undefined {
  const builtin = BUILTIN_POLICIES.map((policy) => policy.name);
  if (builtin.includes(name) || joined.policies.has(name)) return undefined;
  return unknownName("policy", name, [...joined.policies.keys(), ...builtin]);
}

function checkPolicyNames(
  file: string,
  path: KeyPath,
  peer: { readonly import?: string; readonly export?: string },
  joined: Joined,
  reporter: Reporter,
): void {
  for (const direction of ["import", "export"] as const) {
    const name = peer[direction];
    const unknown = name === undefined ? undefined : unknownPolicy(name, joined);
    if (unknown) reporter.error(file, [...path, direction], unknown);
  }
}

const KERNEL_EDITS: readonly string[] = [
  "device",
  "onlink",
  "preferredSource",
  "table",
] satisfies (keyof KernelEdits)[];

function checkPolicies(joined: Joined, config: Config, reporter: Reporter): void {
  const imports = new Set(config.peers.map((peer) => peer.import));
  const exports = new Set(config.peers.map((peer) => peer.export));
  for (const policy of config.policies) {
    const { file, path } = joined.policies.get(policy.name)!;
    if (BUILTIN_POLICIES.some(({ name }) => name === policy.name))
      reporter.error(file, path, `\`${policy.name}\` is built in and cannot be defined`);
    const fail = (at: KeyPath, message: string) => reporter.error(file, [...path, ...at], message);
    if (imports.has(policy.name) || exports.has(policy.name)) checkKernelOnly(policy, fail);
    if (imports.has(policy.name)) checkNoSelf(policy, fail);
    if (config.kernel.export === policy.name)
      for (const [at, key] of editsOf(policy).filter(([, key]) => BGP_EDITS.includes(key)))
        reporter.warning(
          file,
          [...path, ...at],
          `\`${key}\` changes nothing in the kernel, which exports by this policy`,
        );
    for (const [i, { match }] of policy.rules.entries())
      for (const [j, name] of (match.peers ?? []).entries())
        if (!joined.peerNames.has(name))
          reporter.warning(file, [...path, i, "match", "peers", j], unknownName("peer", name, joined.peerNames));
  }
}

/** Without effect on what is written to the kernel. */
const BGP_EDITS: readonly string[] = [
  "localPref",
  "med",
  "addCommunities",
  "removeCommunities",
  "setCommunities",
  "addLargeCommunities",
  "prepend",
];

/** Every key that a rule sets, with its place in the policy. */
function editsOf({ rules }: Policy): [KeyPath, string][] {
  return rules.flatMap(({ set }, i) => Object.keys(set).map((key): [KeyPath, string] => [[i, "set", key], key]));
}

function checkKernelOnly(policy: Policy, fail: (at: KeyPath, message: string) => void): void {
  for (const [at, key] of editsOf(policy))
    if (KERNEL_EDITS.includes(key)) fail(at, `\`${key}\` belongs to kernel.export, but a peer uses this policy`);
}

function checkNoSelf({ rules }: Policy, fail: (at: KeyPath, message: string) => void): void {
  for (const [i, { set }] of rules.entries())
    if (set.nextHop === "self") fail([i, "set", "nextHop"], "`self` is for export, but a peer imports by this policy");
}

/** Reports about a key of the peer at hand. */
type Say = (message: string, ...key: string[]) => void;

function checkPeer(index: number, joined: Joined, config: Config, reporter: Reporter): void {
  const peer = config.peers[index]!;
  const { file, path } = joined.peers[index]!;
  const fail: Say = (message, ...key) => reporter.error(file, [...path, ...key], message);
  const warn: Say = (message, ...key) => reporter.warning(file, [...path, ...key], message);
  const addressFault = unusable(peer.address);
  if (addressFault) fail(addressFault, "address");
  if (peer.localAddress) {
    const localFault = unusable(peer.localAddress);
    if (localFault) fail(localFault, "localAddress");
    else if (peer.localAddress.family !== peer.address.family)
      fail(`\`${formatAddress(peer.localAddress)}\` is not of the family of the peer's address`, "localAddress");
  }
  if (peer.families.length === 0) fail("expected ipv4, ipv6 or both", "families");
  if (peer.asn === AS_TRANS) warn("23456 is AS_TRANS (RFC 6793), not an AS of anyone", "asn");
  checkPolicyNames(file, path, peer, joined, reporter);
  if (config.router.asn !== 0) checkKind(peer, config, fail, warn);
  checkTimers(peer, fail);
}

function unusable(address: Address): string | undefined {
  const first = address.bytes[0]!;
  if (address.bytes.every((octet) => octet === 0)) return `\`${formatAddress(address)}\` is the unspecified address`;
  if (address.family === "ipv4" ? first >= 224 : first === 0xff)
    return `\`${formatAddress(address)}\` is no unicast address`;
  if (isLinkLocal(address) && address.zone === undefined)
    return `a link-local address needs its interface: ${formatAddress(address)}%eth0`;
  return undefined;
}

/** Internal and external peers differ in what is allowed and what is a trap. */
function checkKind(peer: PeerConfig, config: Config, fail: Say, warn: Say): void {
  if (peer.asn === config.router.asn) {
    if (peer.routeReflectorClient && peer.clusterId === undefined && config.router.clusterId === undefined)
      warn("no clusterId is set, so the router id serves as cluster id", "routeReflectorClient");
    return;
  }
  if (peer.routeReflectorClient)
    fail(`only an iBGP peer (AS ${config.router.asn}) can be a client`, "routeReflectorClient");
  if (peer.clusterId !== undefined) fail(`only an iBGP peer (AS ${config.router.asn}) has a cluster id`, "clusterId");
  if (peer.import === undefined)
    warn("no import policy: routes of this eBGP peer are rejected (RFC 8212); write `import: accept` to take them");
  if (peer.export === undefined)
    warn("no export policy: nothing is announced to this eBGP peer (RFC 8212); write `export: accept` to announce");
}

function checkTimers({ timers }: PeerConfig, fail: Say): void {
  if (timers.keepaliveMs !== undefined && timers.holdMs > 0 && timers.keepaliveMs >= timers.holdMs)
    fail("keepalive must be shorter than hold", "timers", "keepalive");
  if (timers.idleHoldMinMs > timers.idleHoldMaxMs)
    fail("idleHoldMin is longer than idleHoldMax", "timers", "idleHoldMin");
  if (timers.sendHoldMs !== 0 && timers.sendHoldMs <= timers.holdMs)
    fail("sendHold must be longer than hold, or 0 (RFC 9687)", "timers", "sendHold");
}

/** Two peers at one address: connections must tell them apart, and TCP-MD5 keys go by remote address. */
function checkPair(index: number, before: number, joined: Joined, { peers }: Config, reporter: Reporter): void {
  const [peer, other] = [peers[index]!, peers[before]!];
  const { file, path } = joined.peers[index]!;
  const where = `peer \`${other.name}\` (${other.origin.file}:${other.origin.line})`;
  if (peer.password !== other.password)
    reporter.error(file, [...path, "address"], `shares its address with ${where} but has another password`);
  const local = (each: PeerConfig) => (each.localAddress ? formatAddress(each.localAddress) : "");
  if (local(peer) !== local(other)) return;
  if (peer.port === other.port || (peer.passive && other.passive))
    reporter.error(file, [...path, "address"], `cannot be told from ${where}: give them different localAddress`);
  else
    reporter.warning(
      file,
      [...path, "address"],
      `incoming connections cannot be told from those of ${where}: give them different localAddress`,
    );
}
