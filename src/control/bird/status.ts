/** `show status`. */
import type { DaemonFacts } from "./facts.ts";
import type { Reply } from "./reply.ts";
import type { LocalTime } from "./times.ts";

/** `version` begins with `v`: the status reporter of Calico looks for `BIRD v`. */
export function showStatus(
  reply: Reply,
  version: string,
  facts: DaemonFacts,
  nowMs: number,
  localTime: LocalTime,
): void {
  const { routerId, startedAtMs, configuredAtMs, recovery } = facts;
  reply.line(1000, `BIRD ${version}`);
  reply.line(1011, `Router ID is ${routerId}`);
  reply.line(1011, `Current server time is ${localTime(nowMs)}`);
  reply.line(1011, `Last reboot on ${localTime(startedAtMs)}`);
  reply.line(1011, `Last reconfiguration on ${localTime(configuredAtMs)}`);
  if (recovery) {
    const { waiting, leftSeconds, totalSeconds } = recovery;
    reply.line(24, "Graceful restart recovery in progress");
    reply.line(24, `  Waiting for ${waiting} protocols to recover`);
    reply.line(24, `  Wait timer is ${leftSeconds}/${totalSeconds}`);
  }
  reply.end(13, facts.stopping ? "Shutdown in progress" : "Daemon is up and running");
}
