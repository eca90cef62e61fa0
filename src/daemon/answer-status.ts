import type { StatusAnswer } from "../control/answers.ts";
import { FAMILIES, type Family, formatAddress, formatQuad } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { seconds, wallTime } from "./answer-peer.ts";
import type { ExportGroup } from "./exporter.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Recovery } from "./recovery.ts";
import type { Router } from "./router.ts";

/** Why nothing of the family is announced, or written to the kernel, after a restart. */
export function waitReason(recovery: Recovery, family: Family): string {
  return `we have restarted, and End-of-RIB from ${recovery.awaited(family).join(", ")} is waited for`;
}

/** The daemon as a whole, for `show status`. */
export function statusAnswer({ core, parts }: Router): StatusAnswer {
  const now = core.clock.nowMs();
  const peers = [...core.peers.values()];
  const { deferredUntilMs } = parts.recovery;
  const members = membersOf(peers);
  return {
    version: core.version,
    routerId: formatQuad(core.routerId),
    asn: core.config.router.asn,
    clusterId: core.config.router.clusterId === undefined ? null : formatQuad(core.config.router.clusterId),
    since: wallTime(core, core.startedAtMs),
    uptimeSeconds: seconds(now - core.startedAtMs),
    configuration: {
      generation: core.generation,
      appliedAt: wallTime(core, core.appliedAtMs),
      rejected: core.rejected ?? null,
    },
    listeners: parts.listening.state().map(({ listen, failure }) => ({
      address: formatAddress(listen.address),
      port: listen.port,
      interface: listen.interface ?? null,
      failure: failure ?? null,
    })),
    dynamicPeers: core.config.dynamicPeers.map(({ name, prefix, limit }) => ({
      name,
      prefix: formatPrefix(prefix),
      limit,
      ...parts.dynamicPeers.counts(name),
    })),
    peers: { total: peers.length, established: peers.filter((p) => p.active).length },
    rib: FAMILIES.map((family) => ({
      family,
      prefixes: core.ribs[family].prefixes.size,
      paths: core.ribs[family].pathCount,
    })),
    recovery:
      deferredUntilMs === undefined
        ? null
        : {
            deferred: FAMILIES.some((family) => parts.recovery.isDeferred(family)),
            until: wallTime(core, deferredUntilMs),
            leftSeconds: seconds(deferredUntilMs - now),
            waitingFor: [...new Set(FAMILIES.flatMap((family) => parts.recovery.awaited(family)))],
          },
    attributeSets: core.sets.size,
    drain: core.drain
      ? {
          since: wallTime(core, core.drain.sinceMs),
          endsInSeconds: core.drain.endsAtMs === undefined ? null : seconds(core.drain.endsAtMs - now),
        }
      : null,
    kernel: { programming: core.config.kernel.program, ...core.fib.counters() },
    updateGroups: [...parts.exporter.groups()].map((group) => ({
      family: group.context.family,
      members: members.get(group) ?? [],
      routes: group.updates.announcedRows,
      messagesEncoded: group.updates.counters.messagesEncoded,
      messagesSent: group.updates.counters.messagesSent,
    })),
  };
}

/** Names by group. There may be as many groups as peers. */
function membersOf(peers: readonly PeerRuntime[]): ReadonlyMap<ExportGroup, readonly string[]> {
  const members = new Map<ExportGroup, string[]>();
  for (const { outlets, config } of peers)
    for (const family of FAMILIES) {
      const group = outlets[family]?.joined;
      const names = group && members.get(group);
      if (names) names.push(config.name);
      else if (group) members.set(group, [config.name]);
    }
  return members;
}
