/** What a process leaves behind for the one that takes over from it (RFC 4724 §4.1), as text. */
import { FAMILIES, type Family } from "../ip/address.ts";

export interface RestartRecord {
  /** How long peers were asked to keep our routes. A record that is older says nothing any more. */
  readonly restartTimeMs: number;
  /** Peers that were up, or were waited for: name to families. */
  readonly peers: ReadonlyMap<string, readonly Family[]>;
}

const FORMAT = 1;

export function formatRecord({ restartTimeMs, peers }: RestartRecord): string {
  return `${JSON.stringify({ format: FORMAT, restartTimeMs, peers: Object.fromEntries(peers) })}\n`;
}

/** Undefined for what is no record of ours: the start is a cold one then. */
export function parseRecord(text: string): RestartRecord | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(read) || read.format !== FORMAT) return undefined;
  const { restartTimeMs, peers } = read;
  if (typeof restartTimeMs !== "number" || !isObject(peers)) return undefined;
  const known = Object.entries(peers).map(([name, families]) => {
    const list: readonly unknown[] = Array.isArray(families) ? families : [];
    return [name, FAMILIES.filter((family) => list.includes(family))] as const;
  });
  return { restartTimeMs, peers: new Map(known) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
