/** Reads the inputs and outputs that holo recorded: one JSON object a line, each with a single key that says what it is. */
import { readFileSync } from "node:fs";

export interface HoloEvent {
  /** `Protocol`, `Ibus`, `NbrTx`, ... */
  readonly source: string;
  /** `NbrRx`, `TcpAccept`, `RouteRedistributeAdd`, ... */
  readonly kind: string;
  readonly content: unknown;
}

export function readHoloEvents(path: string): HoloEvent[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [source, inner] = Object.entries(JSON.parse(line) as Record<string, unknown>)[0]!;
      if (typeof inner !== "object" || inner === null) return { source, kind: String(inner), content: null };
      const [kind, content] = Object.entries(inner as Record<string, unknown>)[0]!;
      return { source, kind, content };
    });
}
