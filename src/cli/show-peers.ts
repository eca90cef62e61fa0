import type { PeerAnswer } from "../control/answers.ts";
import { explainPeer } from "../control/render-peer.ts";
import { renderPeers } from "../control/render-peers.ts";
import { ask } from "./ask.ts";
import { printEntries } from "./entries.ts";
import { EXIT } from "./exit-codes.ts";
import { type OutputOptions, tableStyle } from "./output.ts";

export interface ShowPeersOptions extends OutputOptions {
  readonly name: string | undefined;
  readonly check: boolean;
}

export async function showPeers(options: ShowPeersOptions): Promise<void> {
  await printEntries<PeerAnswer>(options, {
    async *pages() {
      const peers = await ask<readonly PeerAnswer[]>(options.socket, { command: "peers", peer: options.name });
      const isDown = peers.some((peer) => !peer.disabled && peer.state !== "established");
      if (options.check) process.exitCode = isDown ? EXIT.notEstablished : EXIT.ok;
      yield peers;
    },
    sorted: (peers) => peers, // as they come: in the order of their addresses
    lines(peers, headings) {
      const lines = renderPeers(peers, options.output === "wide", { ...tableStyle(options), headings });
      // Of one peer there is room for all that is known.
      return options.name === undefined ? lines : [...lines, "", ...peers.flatMap(explainPeer)];
    },
    name: (peer) => peer.name,
    empty: "No peers are configured.",
  });
}
