/** Everything about one peer, in sentences: `explain peer`. */
import type { LimitAnswer, MessageCounts, PeerAnswer, RestartAnswer } from "./answers.ts";
import { formatDuration, inWords } from "./duration.ts";
import { stateWord } from "./render-peers.ts";

export function explainPeer(peer: PeerAnswer): string[] {
  const description = peer.description === null ? "" : `, ${peer.description}`;
  const lines = [
    `${peer.name} (${peer.address}${peer.port === 179 ? "" : ` port ${peer.port}`})${description}`,
    `  ${KINDS[peer.kind]}, AS ${peer.asn}, ours ${peer.localAsn}${peer.authentication === "md5" ? ", TCP-MD5" : ""}`,
    ...transport(peer),
    "",
    `${stateWord(peer)} for ${formatDuration(peer.sinceSeconds)} (since ${peer.since})`,
  ];
  if (peer.reason !== null) lines.push(`  ${peer.reason}`);
  if (peer.held !== null) lines.push(`  Since ${peer.held.since} (${formatDuration(peer.held.sinceSeconds)})`);
  if (peer.advice !== null) lines.push(`  What may help: ${peer.advice}`);
  if (peer.nextRetrySeconds !== null) lines.push(`  Next attempt in ${inWords(peer.nextRetrySeconds)}`);
  const { lastDown } = peer;
  if (lastDown !== null)
    lines.push(`  Last lost ${inWords(lastDown.agoSeconds)} ago (${WAYS[lastDown.direction]}): ${lastDown.text}`);
  const past = `Established ${times(peer.established)}, lost ${times(peer.lost)}`;
  lines.push(`  ${peer.established === 0 ? "Never Established" : past} since the daemon started`);
  lines.push("", ...agreed(peer), ...routes(peer));
  lines.push("", ...messages(peer));
  return lines;
}

const KINDS = {
  external: "eBGP peer",
  internal: "iBGP peer",
  client: "iBGP peer, client of our reflector",
} as const;
const WAYS = { sent: "we ended it", received: "the peer ended it", local: "by our own decision" } as const;

/** How segments travel, and which are refused. */
function transport({ dynamic, interface: device, ttlSecurity, ttl, key, refused }: PeerAnswer): string[] {
  const lines: string[] = [];
  if (dynamic) lines.push(`dynamic, of range ${dynamic.range} (${dynamic.prefix})`);
  if (device !== null) lines.push(`bound to ${device}`);
  if (ttlSecurity) {
    const { hops, leastTtl } = ttlSecurity;
    lines.push(
      `TTL security: at most ${hops} ${hops === 1 ? "hop" : "hops"} away, sent with TTL 255, less than ${leastTtl} is refused`,
    );
  } else if (ttl !== null && ttl > 1) lines.push(`sent with TTL ${ttl}`);
  if (key) {
    const how = key.changedWhileEstablished ? ", changed while Established" : "";
    lines.push(`key in use since ${key.since}, for ${formatDuration(key.sinceSeconds)}${how}`);
  }
  if (refused) {
    const what = refused.because === "signature" ? "their signature" : "their TTL";
    const evidence = [
      ...(refused.segments > 0 ? [`${refused.segments} on this connection`] : []),
      ...(refused.unacknowledged ? ["ours are not acknowledged"] : []),
    ];
    const shared = "by counters that all connections of the network namespace share";
    lines.push(
      `segments refused for ${what}: suspected since ${refused.since} (${evidence.length > 0 ? evidence.join(", ") : shared})`,
    );
  } else if (key || ttlSecurity) lines.push("segments refused: none known");
  return lines.map((line) => `  ${line}`);
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function agreed({ negotiated }: PeerAnswer): string[] {
  if (!negotiated) return [];
  const on = (flag: boolean) => (flag ? "yes" : "no");
  const { holdSeconds, keepaliveSeconds } = negotiated;
  const timers = holdSeconds === 0 ? "no keepalives" : `hold ${holdSeconds} s, keepalive ${keepaliveSeconds} s`;
  const who = [negotiated.hostname, negotiated.software].filter((word) => word !== null).join(", ");
  return [
    `Agreed: router id ${negotiated.remoteId}, ${timers}${who === "" ? "" : ` (${who})`}`,
    ...restart(negotiated.gracefulRestart),
    `  4-octet AS ${on(negotiated.fourOctetAs)}, route refresh ${negotiated.enhancedRouteRefresh ? "enhanced" : on(negotiated.routeRefresh)}, extended messages ${on(negotiated.extendedMessage)}`,
  ];
}

function restart(agreed: RestartAnswer | null): string[] {
  if (agreed === null) return ["  no graceful restart"];
  const { keepsOurs, weKeep, restartSeconds, notification, peerRestarted, peerForwarded } = agreed;
  const parts = [
    weKeep.length > 0 ? `we keep its ${both(weKeep)} routes for ${restartSeconds} s` : "we keep none of its routes",
    keepsOurs.length > 0 ? `it keeps ours of ${both(keepsOurs)}` : "it keeps none of ours",
    ...(notification ? ["also after a NOTIFICATION that is no hard reset"] : []),
    ...longLivedWords(agreed),
  ];
  const past =
    peerForwarded.length > 0 ? `had forwarded ${both(peerForwarded)} meanwhile` : "had not forwarded meanwhile";
  return [
    `  graceful restart: ${parts.join(", ")}`,
    ...(peerRestarted ? [`  the peer had restarted, and said that it ${past}`] : []),
  ];
}

/** RFC 9494, where both sides know it. */
function longLivedWords({ longLived, longLivedFamilies }: RestartAnswer): string[] {
  if (!longLived) return [];
  const kept = longLivedFamilies.map(({ family, seconds }) => `${family} for another ${inWords(seconds)}`);
  return [kept.length === 0 ? "it asks for nothing long-lived" : `long-lived ${kept.join(" and ")}`];
}

const both = (families: readonly string[]) => families.join(" and ");

function routes(peer: PeerAnswer): string[] {
  const { stale } = peer;
  const lines = peer.families.map((family) => {
    if (!family.active)
      return [`  ${family.family}: ${peer.negotiated ? "not agreed on with the peer" : "configured"}`];
    const end = family.endOfRibReceived ? "complete" : "End-of-RIB not yet received";
    const counts = `${family.received} received, ${family.accepted} accepted, ${family.announced} announced`;
    return [
      `  ${family.family}: ${counts} (${end})${severalPaths(family)}${refreshing(family)}`,
      ...limit("received", family.limitIn),
      ...limit("announced", family.limitOut),
    ];
  });
  if (stale)
    lines.push([
      `  ${both(stale.families)} routes of its last session are stale since ${stale.since}, kept until ${stale.keptUntil} (another ${inWords(stale.leftSeconds)})`,
    ]);
  for (const { family, since, keptUntil, leftSeconds } of peer.longLived)
    lines.push([
      `  ${family} routes of its last session are long-lived stale (RFC 9494) since ${since}, kept until ${keptUntil} (another ${inWords(leftSeconds)})`,
    ]);
  return [`Routes: import policy ${peer.importPolicy}, export policy ${peer.exportPolicy}`, ...lines.flat()];
}

function limit(what: string, given: LimitAnswer | null): string[] {
  if (!given) return [];
  const { limit: most, warnAt, action, level, leftOut } = given;
  const state = { calm: "", near: ", which is near", over: leftOut > 0 ? "" : ", which is exceeded" }[level];
  const left = leftOut > 0 ? `; ${leftOut} times a prefix had no room` : "";
  return [`    at most ${most} ${what}${state} (warning from ${warnAt} on, then ${action})${left}`];
}

/** Route refreshes that are under way (RFC 7313). */
function refreshing({ refresh }: PeerAnswer["families"][number]): string {
  const ways = [...(refresh.receiving ? ["receiving"] : []), ...(refresh.sending ? ["sending"] : [])];
  return ways.length === 0 ? "" : `, route refresh: ${ways.join(" and ")}`;
}

/** RFC 7911, where it is in use. */
function severalPaths({ addPathReceive, addPathSend }: PeerAnswer["families"][number]): string {
  const sent = addPathSend === "all" ? "all paths sent" : `the best ${addPathSend} paths sent`;
  const words = [...(addPathReceive ? ["several paths received"] : []), ...(addPathSend === "none" ? [] : [sent])];
  return words.length === 0 ? "" : `, ADD-PATH: ${words.join(", ")}`;
}

function messages({ messages, errors }: PeerAnswer): string[] {
  const counts = (c: MessageCounts) =>
    `${c.open} OPEN, ${c.update} UPDATE, ${c.keepalive} KEEPALIVE, ${c.notification} NOTIFICATION, ${c.routeRefresh} ROUTE-REFRESH`;
  const lines = [`Messages received: ${counts(messages.received)}`, `Messages sent: ${counts(messages.sent)}`];
  return [...lines, ...malformed(errors)];
}

/** Octets of hexadecimal on one line: as much as a terminal of 100 columns takes. */
const HEX_DIGITS = 80;

/** What the peer sent that it should not have, with the octets to show to who made it. */
function malformed({ attributesDiscarded, treatedAsWithdraw, refused, last }: PeerAnswer["errors"]): string[] {
  if (attributesDiscarded + treatedAsWithdraw + refused === 0) return [];
  const lines = [
    `Malformed UPDATEs (RFC 7606): ${attributesDiscarded} with attributes discarded, ${treatedAsWithdraw} treated as withdrawals, ${refused} ended the session`,
  ];
  if (last === null) return lines;
  const { hex } = last;
  lines.push(
    `  Last ${inWords(last.agoSeconds)} ago (${TREATMENTS[last.treatment]}, ${last.code}/${last.subcode}): ${last.why}`,
  );
  const kept = hex.length / 2;
  lines.push(`  Octets of the ${last.of}${kept < last.octets ? ` (the first ${kept} of ${last.octets})` : ""}:`);
  for (let at = 0; at < hex.length; at += HEX_DIGITS) lines.push(`    ${hex.slice(at, at + HEX_DIGITS)}`);
  return lines;
}

const TREATMENTS = {
  discard: "attribute discarded",
  withdraw: "treated as a withdrawal",
  reset: "ended the session",
} as const;
