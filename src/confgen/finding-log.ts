import type { Finding } from "./finding.ts";
import type { GeneratorLog } from "./generator-ports.ts";

export interface FindingLog {
  readonly present: readonly Finding[];
  /** Replaces the findings; those that come and those that go are logged. */
  set(findings: readonly Finding[]): void;
}

const LEVELS = { error: "error", warning: "warn", info: "info" } as const;

/** Says each finding once: when it appears, and when it is gone. */
export function createFindingLog(log: GeneratorLog): FindingLog {
  let present: readonly Finding[] = [];
  let byKey = new Map<string, Finding>();
  return {
    get present() {
      return present;
    },
    set(findings) {
      if (findings === present) return;
      const now = new Map(findings.map((finding) => [keyOf(finding), finding]));
      for (const [key, { severity, code, resource, message }] of now)
        if (!byKey.has(key)) log(LEVELS[severity], "finding", { code, resource, message });
      for (const [key, { code, resource, message }] of byKey)
        if (!now.has(key)) log("info", "finding gone", { code, resource, message });
      present = findings;
      byKey = now;
    },
  };
}

function keyOf({ severity, code, resource, message }: Finding): string {
  return `${severity} ${code} ${resource} ${message}`;
}
