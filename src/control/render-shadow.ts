/** Where we would do otherwise than BIRD, for people. */
import { kernelLines, peerLines } from "./render-preview.ts";
import type { ShadowAnswer, ShadowPeer } from "./shadow-answer.ts";
import { renderTable, type TableStyle } from "./table.ts";

export function shadowLines(answer: ShadowAnswer, style: TableStyle): string[] {
  const { peers, exports, kernel, unseen, compared } = answer;
  const much = `${compared.peers} sessions, ${compared.announcements} announced routes, ${compared.kernelRoutes} routes in the kernel`;
  const lines = answer.same
    ? [`Nothing differs from BIRD (compared: ${much}).`]
    : [`Compared with BIRD: ${much}. Left of an arrow, and behind a minus, stands BIRD's.`];
  if (peers.length > 0) lines.push("", ...peerTable(peers, style));
  if (!answer.same)
    lines.push(
      "",
      "Routes:",
      ...kernelLines("would differ", kernel),
      ...(exports.length > 0 ? peerLines(exports) : ["  to peers: nothing would differ"]),
    );
  if (unseen.length > 0) lines.push("", "Not compared:", ...unseen.map((line) => `  ${line}`));
  return lines;
}

const WORDS = { missing: "only BIRD", extra: "only we", differs: "differs" } as const;

function peerTable(peers: readonly ShadowPeer[], style: TableStyle): string[] {
  return renderTable<ShadowPeer>(
    [
      { heading: "PEER", value: ({ name }) => name },
      { heading: "HAS IT", value: ({ difference }) => WORDS[difference], colour: () => "yellow" },
      { heading: "WHAT", value: ({ text }) => text },
    ],
    peers,
    style,
  );
}
