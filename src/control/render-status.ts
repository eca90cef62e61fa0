/** The daemon as a whole, in a few lines. */
import type { StatusAnswer } from "./answers.ts";
import { formatDuration, inWords } from "./duration.ts";
import { oneLine } from "./table.ts";

export function statusLines(status: StatusAnswer): string[] {
  const { kernel, configuration, peers } = status;
  const lines = [
    `calidris ${status.version}, up ${formatDuration(status.uptimeSeconds)} (since ${status.since})`,
    `Router id ${status.routerId}, AS ${status.asn}${status.clusterId === null ? "" : `, cluster id ${status.clusterId}`}`,
    `Configuration: generation ${configuration.generation}, applied ${configuration.appliedAt}`,
  ];
  if (configuration.rejected !== null) {
    lines.push("  A later one was refused; this one stays in force:");
    for (const line of configuration.rejected.split("\n")) lines.push(`    ${oneLine(line)}`);
  }
  for (const { failure } of status.listeners) if (failure !== null) lines.push(`Not listening: ${oneLine(failure)}`);
  for (const { name, prefix, limit, peers: now, refused } of status.dynamicPeers) {
    const beyond = refused === 0 ? "" : `, ${refused} connections refused`;
    lines.push(`Dynamic peers ${name}: ${now} of at most ${limit} from ${prefix}${beyond}`);
  }
  lines.push(`Peers: ${peers.established} of ${peers.total} Established`);
  if (status.recovery) {
    const { deferred, leftSeconds, waitingFor } = status.recovery;
    const waits = deferred ? "nothing is announced" : "the kernel's routes stay as they were found";
    lines.push(
      `Recovering from a restart: ${waits} for another ${inWords(leftSeconds)}, or until End-of-RIB from ${waitingFor.join(", ")}`,
    );
  }
  const { drain } = status;
  if (drain)
    lines.push(
      `Draining since ${drain.since}${drain.endsInSeconds === null ? "" : `, ends in ${inWords(drain.endsInSeconds)}`}`,
    );
  for (const rib of status.rib) lines.push(`Routes ${rib.family}: ${rib.prefixes} prefixes, ${rib.paths} paths`);
  const troubles = [
    [kernel.pending, "waiting"],
    [kernel.shadowed, "shadowed by other programs' routes"],
    [kernel.failed, "refused by the kernel"],
    [kernel.adopted, "adopted from an earlier run"],
  ] as const;
  const detail = troubles.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`);
  lines.push(
    `Kernel: ${kernel.programming ? `${kernel.installed} installed${detail.join("")}` : "not written (kernel.program is off)"}`,
  );
  return lines;
}
