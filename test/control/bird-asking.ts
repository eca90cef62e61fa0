/** A client of the BIRD dialect without a socket: what it is answered, as text. */
import type { BirdContext } from "../../src/control/bird/commands.ts";
import type { BirdView } from "../../src/control/bird/facts.ts";
import { createBirdSession } from "../../src/control/bird/session.ts";
import type { Family } from "../../src/ip/address.ts";

/** 2026-11-20 14:43:10 UTC. */
export const NOW_MS = 1_795_185_790_000;

export function contextOf(view: BirdView, family: Family = "ipv4"): BirdContext {
  return {
    view,
    family,
    version: "v1.2.3",
    wallMs: () => NOW_MS,
    localTime: (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " "),
  };
}

/** One reply for each command in the octets. */
export async function askAll(context: BirdContext, octets: Uint8Array | string): Promise<readonly string[]> {
  const session = createBirdSession(context);
  const replies: string[] = [];
  for (const command of session.push(typeof octets === "string" ? new TextEncoder().encode(octets) : octets)) {
    let text = "";
    await session.answer(command, {
      aborted: false,
      write(part) {
        text += part;
        return true;
      },
      drained: async () => {},
      turn: async () => {},
    });
    replies.push(text);
  }
  return replies;
}

export async function ask(context: BirdContext, command: string): Promise<string> {
  return (await askAll(context, `${command}\n`))[0]!;
}
