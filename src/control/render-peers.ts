/** Tables of peers. */
import type { PeerAnswer } from "./answers.ts";
import { formatDuration } from "./duration.ts";
import { type Colour, type Column, renderTable, type TableStyle } from "./table.ts";

type FamilyCounts = PeerAnswer["families"][number];

/** A peer and one of its families; while it is down all families share one line. */
interface PeerRow {
  readonly peer: PeerAnswer;
  readonly family: FamilyCounts | undefined;
}

const STATE_WORDS: Record<PeerAnswer["state"], string> = {
  idle: "Idle",
  connect: "Connect",
  active: "Active",
  openSent: "OpenSent",
  openConfirm: "OpenConfirm",
  established: "Established",
};

export function stateWord(peer: PeerAnswer): string {
  return peer.disabled && peer.state === "idle" ? "Disabled" : STATE_WORDS[peer.state];
}

/** Whose routes are kept while the other end restarts. */
function restartWord({ negotiated }: PeerAnswer): string {
  const restart = negotiated?.gracefulRestart;
  if (!restart) return "";
  const [theirs, ours] = [restart.weKeep.length > 0, restart.keepsOurs.length > 0];
  return theirs && ours ? "both" : theirs ? "its" : ours ? "ours" : "aware";
}

function stateColour(peer: PeerAnswer): Colour | undefined {
  if (peer.state === "established") return "green";
  return peer.disabled ? "yellow" : "red";
}

const NAME: Column<PeerRow> = { heading: "NAME", value: ({ peer }) => peer.name };
const ADDRESS: Column<PeerRow> = { heading: "ADDRESS", value: ({ peer }) => peer.address, drop: 6 };
/** Where a dynamic peer comes from; nothing is shown where there is none. */
const RANGE: Column<PeerRow> = {
  heading: "RANGE",
  value: ({ peer }) => peer.dynamic?.prefix ?? "",
  optional: true,
  drop: 8,
};
const AS: Column<PeerRow> = { heading: "AS", align: "right", value: ({ peer }) => String(peer.asn), drop: 5 };
const STATE: Column<PeerRow> = {
  heading: "STATE",
  value: ({ peer }) => stateWord(peer),
  colour: ({ peer }) => stateColour(peer),
};
const SINCE: Column<PeerRow> = {
  heading: "SINCE",
  align: "right",
  value: ({ peer }) => formatDuration(peer.sinceSeconds),
  drop: 7,
};
const FAMILY: Column<PeerRow> = {
  heading: "FAMILY",
  value: ({ peer, family }) => family?.family ?? peer.families.map((each) => each.family).join("+"),
  drop: 2,
};
const REASON: Column<PeerRow> = {
  heading: "REASON",
  value: ({ peer, family }) => peer.reason ?? (family?.active === false ? "not agreed on with the peer" : ""),
  optional: true,
  shrink: 16,
  drop: 3,
};
const IN = counts("IN", (family) => family.received, 4);
const USED = counts("USED", (family) => family.accepted, 1);
const OUT = counts("OUT", (family) => family.announced, 4);

const NARROW = [NAME, RANGE, ADDRESS, AS, STATE, SINCE, FAMILY, IN, USED, OUT, REASON];
const WIDE: readonly Column<PeerRow>[] = [
  NAME,
  RANGE,
  ADDRESS,
  AS,
  { heading: "KIND", value: ({ peer }) => peer.kind },
  STATE,
  { heading: "SINCE", value: ({ peer }) => peer.since },
  FAMILY,
  IN,
  USED,
  OUT,
  { heading: "UP", align: "right", value: ({ peer }) => String(peer.established) },
  { heading: "LOST", align: "right", value: ({ peer }) => String(peer.lost) },
  { heading: "AUTH", value: ({ peer }) => peer.authentication },
  { heading: "RESTART", value: ({ peer }) => restartWord(peer), optional: true },
  { heading: "IMPORT", value: ({ peer }) => peer.importPolicy },
  { heading: "EXPORT", value: ({ peer }) => peer.exportPolicy },
  { heading: "DESCRIPTION", value: ({ peer }) => peer.description ?? "", optional: true },
  REASON,
];

function counts(heading: string, of: (family: FamilyCounts) => number, drop: number): Column<PeerRow> {
  return {
    heading,
    align: "right",
    value: ({ family }) => (family?.active ? String(of(family)) : "-"),
    drop,
  };
}

/** One line for each peer and family. */
export function renderPeers(peers: readonly PeerAnswer[], wide: boolean, style: TableStyle): string[] {
  const rows = peers.flatMap((peer): PeerRow[] =>
    peer.state === "established" && peer.families.length > 0
      ? peer.families.map((family) => ({ peer, family }))
      : [{ peer, family: undefined }],
  );
  return renderTable(wide ? WIDE : NARROW, rows, wide ? { ...style, width: undefined } : style);
}
