import type { ExplainAnswer, PeerAnswer } from "../control/answers.ts";
import { explainRoute } from "../control/render-explain.ts";
import { explainPeer } from "../control/render-peer.ts";
import { oneLine } from "../control/table.ts";
import { ask } from "./ask.ts";
import { drawing, type OutputOptions, writeDocument } from "./output.ts";

export interface ExplainOptions extends OutputOptions {
  readonly output: "table" | "json" | "yaml";
}

export async function explainRouteCommand(options: ExplainOptions, target: string, peer: string | undefined) {
  const request = { command: "explainRoute", target, peer } as const;
  await print(options, () => ask<ExplainAnswer>(options.socket, request), explainRoute);
}

export async function explainPeerCommand(options: ExplainOptions, peer: string): Promise<void> {
  const fetch = async () => (await ask<readonly PeerAnswer[]>(options.socket, { command: "peers", peer }))[0]!;
  await print(options, fetch, explainPeer);
}

async function print<T>(options: ExplainOptions, fetch: () => Promise<T>, lines: (answer: T) => string[]) {
  const { output, watch } = options;
  if (output === "yaml" || (output === "json" && !watch)) return writeDocument(await fetch(), output);
  await drawing(options, async () => {
    const answer = await fetch();
    return output === "json" ? [JSON.stringify(answer)] : lines(answer).map(oneLine);
  });
}
