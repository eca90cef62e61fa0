/**
 * Readers of the BIRD dialect as others have them, after calico-bgp.md 4.2 to 4.4: what they refuse, our daemon must not
 * say. Each is given the octets of the socket, the welcome first.
 */
import assert from "node:assert/strict";

export interface CalicoPeer {
  readonly address: string;
  readonly type: "global" | "node-to-node mesh" | "node specific";
  readonly state: string;
  readonly since: string;
  readonly bgpState: string;
  readonly info: string;
}

const TYPES = { Global: "global", Mesh: "node-to-node mesh", Node: "node specific" } as const;

/** `calicoctl node status`, and the readiness probe: peers of `show protocols`. Throws at a line that they refuse. */
export function readCalicoctl(text: string, separator: "." | ":"): readonly CalicoPeer[] {
  const peers: CalicoPeer[] = [];
  for (const line of linesOf(text)) {
    if (line.startsWith("0000")) return peers;
    if (line.startsWith("0001")) continue;
    if (line.startsWith("2002")) {
      const words = line.slice(5).split(/\s+/).filter(Boolean);
      assert.deepEqual(words, ["name", "proto", "table", "state", "since", "info"]);
    } else if (line.startsWith("1002")) addRow(peers, line.slice(5), separator);
    else if (line.startsWith(" ")) addRow(peers, line.slice(1), separator);
    else throw new Error(`unexpected output line from BIRD: ${line}`);
  }
  throw new Error("the reply has no end");
}

function addRow(peers: CalicoPeer[], row: string, separator: "." | ":"): void {
  const fields = row.split(/\s+/).filter(Boolean);
  if (fields.length < 6 || fields[1] !== "BGP") return;
  const name = /^(Global|Node|Mesh)_(.+)$/.exec(fields[0]!);
  if (!name) return;
  peers.push({
    address: name[2]!.replaceAll("_", separator),
    type: TYPES[name[1] as keyof typeof TYPES],
    state: fields[3]!,
    since: fields[4]!,
    bgpState: fields[5]!,
    info: fields.slice(6).join(" "),
  });
}

/** The probe's look at `show status`: whether a graceful restart is in progress. Throws at a line that it refuses. */
export function readReadinessStatus(text: string): { readonly recovering: boolean } {
  let recovering = false;
  for (const line of linesOf(text)) {
    if (line.startsWith("0013")) return { recovering };
    if (line.startsWith("0024")) recovering = true;
    else if (!/^(0001|1000|1011| )/.test(line)) throw new Error(`unexpected output line from BIRD: ${line}`);
  }
  throw new Error("the reply has no end");
}

/** `--bird-ready` as a whole; undefined is ready, else what it says. */
export function readiness(status: string, protocols: string, recent: boolean): string | undefined {
  const peers = readCalicoctl(protocols, ".");
  if (peers.length === 0) return undefined;
  const down = peers.filter(({ bgpState }) => bgpState !== "Established").map(({ address }) => address);
  const isBad = recent ? down.length > 0 : down.length === peers.length;
  if (isBad) return `BIRD is not ready: BGP not established with ${down.join(",")}`;
  return recent && readReadinessStatus(status).recovering ? "graceful restart in progress" : undefined;
}

export interface ReportedStatus {
  readonly isReady: boolean;
  readonly version: string;
  readonly routerId: string;
  readonly now: string;
  readonly lastBoot: string;
  readonly lastConfigured: string;
}

/** The status reporter's `show status`. */
export function readReportedStatus(text: string): ReportedStatus {
  const found = { isReady: false, version: "", routerId: "", now: "", lastBoot: "", lastConfigured: "" };
  for (const line of linesOf(text)) {
    if (/BIRD/.test(line) && /ready/.test(line)) found.isReady = true;
    if (line.startsWith("0013")) break;
    const isContinued = line.startsWith(" ");
    if (!isContinued && !/^(0001|1000|1011)/.test(line)) break;
    const rest = isContinued ? line.slice(1) : line.slice(5);
    const after = (start: string) => (rest.startsWith(start) ? rest.slice(start.length) : undefined);
    if (!found.isReady || /^1000/.test(line)) found.version = after("BIRD v") ?? found.version;
    found.routerId = after("Router ID is ") ?? found.routerId;
    found.now = after("Current server time is ") ?? found.now;
    found.lastBoot = after("Last reboot on ") ?? found.lastBoot;
    found.lastConfigured = after("Last reconfiguration on ") ?? found.lastConfigured;
  }
  return found;
}

const REPORTED = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "Close"];

/** The status reporter's `show protocols all NAME`. */
export function readReportedPeer(text: string): { readonly bgpState: string; readonly address: string } {
  let [bgpState, address] = ["", ""];
  for (const line of linesOf(text)) {
    if (line.startsWith("0000")) break;
    const state = /BGP state:(.*)/.exec(line)?.[1]?.trim();
    if (state !== undefined) bgpState = REPORTED.includes(state) ? state : "";
    address = /Neighbor address:(.*)/.exec(line)?.[1]?.trim() ?? address;
  }
  return { bgpState, address };
}

/** As birdc prints without `-v`. */
export function printAsBirdc(text: string): string {
  return linesOf(text)
    .map((line) => (/^\d{4}[- ]/.test(line) ? line.slice(5) : line.slice(1)))
    .filter((line, i, all) => line !== "" || i + 1 < all.length)
    .join("\n");
}

/** The reply as the grammar has it: [code, text] for each line. Throws where a line does not fit it. */
export function readReply(text: string): readonly (readonly [number, string])[] {
  const lines: [number, string][] = [];
  assert.ok(text.endsWith("\n"), "the last line ends");
  let code = -1;
  let isOver = false;
  for (const line of linesOf(text)) {
    assert.equal(isOver, false, `a line behind the last one: ${line}`);
    const found = /^(\d{4})([- ])(.*)$/s.exec(line);
    if (line.startsWith(" ") && code >= 0) lines.push([code, line.slice(1)]);
    else if (found) {
      code = Number(found[1]);
      isOver = found[2] === " ";
      lines.push([code, found[3]!]);
    } else throw new Error(`not a line of a reply: ${JSON.stringify(line)}`);
  }
  assert.equal(isOver, true, "the reply ends");
  return lines;
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").slice(0, -1);
}
