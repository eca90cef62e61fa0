/** What is wrong with one peer, or surely not meant. */
import { type Address, formatAddress, isLinkLocal, parseAddress } from "../ip/address.ts";
import { contains, formatPrefix } from "../ip/prefix.ts";
import { DEFAULTS } from "./defaults.ts";
import { dynamicName } from "./dynamic-peers.ts";
import type { Joined, Reporter } from "./join.ts";
import type { Config, DynamicPeersConfig, PeerConfig, RouterConfig } from "./model.ts";
import { isInternal, ownAs } from "./own-as.ts";
import { type LocatedPeer, placeOf } from "./peer-groups.ts";

/** RFC 6793 §9: stands for ASes that do not fit into two octets, and is no AS itself. */
export const AS_TRANS = 23456;
const AS_TRANS_TEXT = "23456 is AS_TRANS (RFC 6793), not an AS of anyone";

/** Reports about a key of the peer at hand, where it stands. */
type Say = (message: string, ...key: string[]) => void;

type Session = DynamicPeersConfig["template"];

interface Subject<T extends Session = Session> {
  readonly peer: T;
  readonly router: RouterConfig;
  readonly fail: Say;
  readonly warn: Say;
}

function subject<T extends Session>(peer: T, located: LocatedPeer, router: RouterConfig, reporter: Reporter) {
  const fail: Say = (message, ...key) => reporter.error(...placeOf(located, key), message);
  const warn: Say = (message, ...key) => reporter.warning(...placeOf(located, key), message);
  return { peer, router, fail, warn } satisfies Subject<T>;
}

export function checkPeer(peer: PeerConfig, located: LocatedPeer, router: RouterConfig, reporter: Reporter): void {
  const at = subject(peer, located, router, reporter);
  const { fail } = at;
  const fault = unusable(peer.address);
  // Whoever has such a peer keeps all the others: the session can only try in vain.
  if (fault && isMulticast(peer.address)) at.warn(`${fault}: nobody answers there`, "address");
  else if (fault) fail(fault, "address");
  if (peer.localAddress && formatAddress(peer.localAddress) === formatAddress(peer.address))
    fail("is our own address, localAddress", "address");
  const zone = peer.address.zone;
  if (zone !== undefined && peer.interface !== undefined && zone !== peer.interface)
    fail(`the peer's address is on ${zone}, but interface is ${peer.interface}`, "interface");
  checkSession(at, peer.address);
}

/** Dynamic neighbours. */
export function checkRange(
  { prefix, template }: DynamicPeersConfig,
  located: LocatedPeer,
  router: RouterConfig,
  reporter: Reporter,
): void {
  const at = subject(template, located, router, reporter);
  const first = prefix.bytes[0]!;
  if (prefix.length > 0 && (prefix.family === "ipv4" ? first >= 224 : first === 0xff))
    at.fail(`\`${formatPrefix(prefix)}\` holds no unicast addresses`, "prefix");
  if (prefix.length === 0 && template.password === undefined)
    at.warn("whoever connects becomes a peer: give a narrower prefix, or a password", "prefix");
  checkSession(at, prefix);
}

/** What entries of dynamic neighbours and the peers have to do with each other. */
export function checkRanges(joined: Joined, { peers, dynamicPeers }: Config, reporter: Reporter): void {
  const seen = new Map<string, DynamicPeersConfig>();
  for (const [i, entry] of dynamicPeers.entries()) {
    const { file, path } = joined.dynamicPeers[i]!;
    const key = formatPrefix(entry.prefix);
    const other = seen.get(key);
    const where = other && `peer \`${other.name}\` (${other.template.origin.file}:${other.template.origin.line})`;
    if (where)
      reporter.error(file, [...path, "prefix"], `is the prefix of ${where} too: a neighbour cannot be of both`);
    else seen.set(key, entry);
    for (const [j, peer] of peers.entries())
      if (peer.name.startsWith(`${entry.name}-`) && isNeighbourName(peer.name, entry))
        reporter.error(
          joined.peers[j]!.file,
          [...joined.peers[j]!.path, "name"],
          `a neighbour of \`${entry.name}\` would have this name; choose another`,
        );
  }
}

function isNeighbourName(name: string, entry: DynamicPeersConfig): boolean {
  const address = parseAddress(name.slice(entry.name.length + 1));
  return address !== undefined && contains(entry.prefix, address) && dynamicName(entry.name, address) === name;
}

function checkSession(at: Subject, { family }: { readonly family: "ipv4" | "ipv6" }): void {
  const { peer, router, fail, warn } = at;
  if (peer.localAddress) {
    const localFault = unusable(peer.localAddress);
    if (localFault) fail(localFault, "localAddress");
    else if (peer.localAddress.family !== family)
      fail(`\`${formatAddress(peer.localAddress)}\` is not of the family of the peer's address`, "localAddress");
  }
  if (peer.families.length === 0) fail("expected ipv4, ipv6 or both", "families");
  if (peer.asn === AS_TRANS) warn(AS_TRANS_TEXT, "asn");
  if (peer.localAs?.asn === AS_TRANS) warn(AS_TRANS_TEXT, "localAs", "asn");
  if (router.asn !== 0) {
    if (isInternal(router, peer)) checkInternal(at);
    else checkExternal(at);
    checkLocalAs(at);
  }
  checkTimers(at);
  checkTransport(at);
  checkRestart(at);
  checkBounds(at);
}

/** Or reserved, of IPv4. */
export function isMulticast({ family, bytes }: Address): boolean {
  return family === "ipv4" ? bytes[0]! >= 224 : bytes[0] === 0xff;
}

export function unusable(address: Address): string | undefined {
  if (address.bytes.every((octet) => octet === 0)) return `\`${formatAddress(address)}\` is the unspecified address`;
  if (isMulticast(address)) return `\`${formatAddress(address)}\` is no unicast address`;
  if (isLinkLocal(address) && address.zone === undefined)
    return `a link-local address needs its interface: ${formatAddress(address)}%eth0`;
  return undefined;
}

function checkInternal({ peer, router, warn }: Subject): void {
  if (peer.routeReflectorClient && peer.clusterId === undefined && router.clusterId === undefined)
    warn("no clusterId is set, so the router id serves as cluster id", "routeReflectorClient");
  if (peer.enforceFirstAs) warn("the first AS is looked at only where a peer is external", "enforceFirstAs");
  if (peer.localAs?.noPrepend || peer.localAs?.replaceAs)
    warn("nothing is prepended on an iBGP session, so noPrepend and replaceAs change nothing", "localAs");
}

function checkExternal({ peer, router, fail, warn }: Subject): void {
  const asn = ownAs(router, peer);
  if (peer.routeReflectorClient) fail(`only an iBGP peer (AS ${asn}) can be a client`, "routeReflectorClient");
  if (peer.clusterId !== undefined) fail(`only an iBGP peer (AS ${asn}) has a cluster id`, "clusterId");
  if (peer.import === undefined)
    warn("no import policy: routes of this eBGP peer are rejected (RFC 8212); write `import: accept` to take them");
  if (peer.export === undefined)
    warn("no export policy: nothing is announced to this eBGP peer (RFC 8212); write `export: accept` to announce");
}

function checkLocalAs({ peer, router, warn }: Subject): void {
  const { localAs } = peer;
  if (!localAs) return;
  if (localAs.asn === router.asn) warn("is the router's own AS: localAs changes nothing", "localAs");
  else if (peer.asn === router.asn && !localAs.replaceAs)
    warn("the peer finds its own AS, the router's, in each path and refuses it: set replaceAs: true", "localAs");
}

function checkTimers({ peer: { timers }, fail }: Subject): void {
  if (timers.keepaliveMs !== undefined && timers.holdMs > 0 && timers.keepaliveMs >= timers.holdMs)
    fail("keepalive must be shorter than hold", "timers", "keepalive");
  if (timers.idleHoldMinMs > timers.idleHoldMaxMs)
    fail("idleHoldMin is longer than idleHoldMax", "timers", "idleHoldMin");
  if (timers.sendHoldMs !== 0 && timers.sendHoldMs <= timers.holdMs)
    fail("sendHold must be longer than hold, or 0 (RFC 9687)", "timers", "sendHold");
}

function checkTransport({ peer, router, fail, warn }: Subject): void {
  if (peer.ttlSecurity === undefined) return;
  if (peer.ttl !== undefined)
    fail("ttlSecurity sends with TTL 255, so multihop cannot be a TTL: write `multihop: true`", "ttlSecurity");
  else if (peer.ttlSecurity > 1 && !peer.multihop && !isInternal(router, peer))
    warn("a peer several hops away needs multihop: true, or its next hops count on our own links only", "ttlSecurity");
}

/** What is printed has every default written out, and must not warn: only other values are surely meant to do something. */
function checkRestart({ peer: { gracefulRestart }, fail, warn }: Subject): void {
  const { mode, longLived, restartTimeMs, longLivedStaleTimeMs } = gracefulRestart;
  const { restartTime, longLivedStaleTime } = DEFAULTS.gracefulRestart;
  if (mode === "off" && longLived !== "off")
    fail("long-lived needs mode aware or on (RFC 9494 §3.1)", "gracefulRestart", "longLived");
  if (mode !== "on" && restartTimeMs !== restartTime)
    warn("peers keep our routes only with mode on, so restartTime changes nothing", "gracefulRestart", "restartTime");
  if (longLived !== "on" && longLivedStaleTimeMs !== longLivedStaleTime)
    warn("changes nothing without longLived: on", "gracefulRestart", "longLivedStaleTime");
}

function checkBounds({ peer, warn }: Subject): void {
  for (const key of ["maxPrefixesIn", "maxPrefixesOut"] as const) {
    const bound = peer[key];
    if (bound?.warnPercent === 100) warn("100 warns only when it is too late; choose less", key, "warnPercent");
    if (bound && bound.action !== "restart" && bound.restartAfterMs !== DEFAULTS.maxPrefixes.restartAfter)
      warn("restartAfter goes with action: restart", key, "restartAfter");
  }
  if (peer.addPath.send === 1)
    warn("one path is what is announced without ADD-PATH; write 2 or more, or all", "addPath", "send");
  if (peer.defaultOnly !== DEFAULTS.peer.defaultOnly && peer.export !== "default-only")
    warn("changes nothing without `export: default-only`", "defaultOnly");
  const { routeRefresh, enhancedRouteRefresh } = peer.capabilities;
  if (enhancedRouteRefresh && !routeRefresh)
    warn("changes nothing without routeRefresh", "capabilities", "enhancedRouteRefresh");
}
