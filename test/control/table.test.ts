import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDuration, inWords } from "../../src/control/duration.ts";
import { explainRoute } from "../../src/control/render-explain.ts";
import { renderPeers } from "../../src/control/render-peers.ts";
import { renderPeerRoutes, renderRoutes, sortByPrefix } from "../../src/control/render-routes.ts";
import { statusLines } from "../../src/control/render-status.ts";
import { type Column, renderTable, type TableStyle } from "../../src/control/table.ts";
import { STEPS } from "../../src/rib/types.ts";
import { PEERS, path, peer, ROUTES, STATUS } from "./fixtures.ts";

const at = (width: number | undefined): TableStyle => ({ width, headings: true, colour: false });

describe("a table", () => {
  interface Row {
    readonly name: string;
    readonly count: number;
    readonly note: string;
  }
  const columns: readonly Column<Row>[] = [
    { heading: "NAME", value: (row) => row.name },
    { heading: "COUNT", align: "right", value: (row) => String(row.count), drop: 1 },
    { heading: "NOTE", value: (row) => row.note, shrink: 6, drop: 2, optional: true },
  ];
  const rows: readonly Row[] = [
    { name: "a", count: 7, note: "short" },
    { name: "bcd", count: 12_345, note: "a longer remark" },
  ];

  it("aligns text to the left and numbers to the right, two spaces apart", () => {
    assert.deepEqual(renderTable(columns, rows, at(undefined)), [
      "NAME  COUNT  NOTE",
      "a         7  short",
      "bcd   12345  a longer remark",
    ]);
  });

  it("first cuts what may be cut, then drops columns, and never wraps", () => {
    assert.deepEqual(renderTable(columns, rows, at(22))[2], "bcd   12345  a longer…");
    assert.deepEqual(renderTable(columns, rows, at(13)), ["NAME  NOTE", "a     short", "bcd   a long…"]);
    assert.deepEqual(renderTable(columns, rows, at(8)), ["NAME", "a", "bcd"]);
  });

  it("leaves out an optional column without values, and headings when told", () => {
    const plain = rows.map((row) => ({ ...row, note: "" }));
    assert.deepEqual(renderTable(columns, plain, { ...at(80), headings: false }), ["a        7", "bcd  12345"]);
  });

  it("lets no control character through", () => {
    const evil = [{ name: "a\u001b[2Jb\nc\u202ed", count: 1, note: "" }];
    assert.deepEqual(renderTable(columns, evil, at(undefined))[1], "a [2Jb c d      1");
  });

  it("colours words without moving columns", () => {
    const coloured = [{ ...columns[0]!, colour: () => "red" as const }, columns[1]!];
    const lines = renderTable(coloured, rows, { ...at(80), colour: true });
    assert.equal(lines[1], "\u001b[31ma   \u001b[0m      7");
  });
});

describe("a duration", () => {
  it("is hours, minutes and seconds under a day, then days and hours", () => {
    const cases: [number, string][] = [
      [0, "00:00:00"],
      [62.9, "00:01:02"],
      [86_399, "23:59:59"],
      [86_400, "1d00h"],
      [273_700, "3d04h"],
      [100 * 86_400, "100d"],
    ];
    for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
  });

  it("reads well in a sentence", () => {
    assert.deepEqual([12, 600, 7200, 864_000].map(inWords), ["12 s", "10 min", "2 h", "10 days"]);
  });
});

describe("the table of peers", () => {
  it("fits 80 columns", () => {
    assert.deepEqual(renderPeers(PEERS, false, at(80)), [
      "NAME   ADDRESS         AS  STATE           SINCE  IN  OUT  REASON",
      "tor-a  10.99.0.254  65001  Established  01:01:11  12    4",
      "tor-b  10.99.0.9    65001  Active          3d04h   -    -  connection refused b…",
      "rr     fd00::10     64512  Established  01:01:11  12    4",
    ]);
  });

  it("shows all at 200 columns", () => {
    const [heading, , down] = renderPeers(PEERS, false, at(200));
    assert.equal(heading, "NAME   ADDRESS         AS  STATE           SINCE  FAMILY  IN  USED  OUT  REASON");
    assert.ok(down!.endsWith("nothing listens there, or the peer does not know our address"));
  });

  it("has one line for each peer and family, and one for a peer that is down", () => {
    const [ipv4] = PEERS[0]!.families;
    const two = peer("two", "10.0.0.1", { families: [ipv4!, { ...ipv4!, family: "ipv6" }] });
    const lines = renderPeers([two, { ...two, state: "idle" }], false, at(undefined));
    assert.equal(lines.length, 4);
    assert.match(lines[3]!, /Idle .* ipv4\+ipv6/);
  });

  it("names absolute times in wide form", () => {
    assert.match(renderPeers(PEERS, true, at(80))[1]!, /Established {2}2026-11-20T07:21:17\.567Z/);
  });
});

describe("the table of routes", () => {
  it("fits 80 columns, the best path first, in the order of addresses", () => {
    const lines = renderRoutes(sortByPrefix(ROUTES), false, at(80));
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.deepEqual(
      lines.map((line) => line.split(/ {2,}/)[0]),
      ["PREFIX", "10.9.0.0/16", "10.9.0.0/16", "10.9.0.0/24", "10.10.0.0/16", "10.10.0.0/16", "2001:db8::/32"],
    );
    assert.match(lines[1]!, /best .*tor-a/);
    assert.match(lines[2]!, /rejected .*tor-b/);
    assert.match(lines[5]!, /unreachable .*rr/);
  });

  it("shows all at 200 columns, communities in wide form", () => {
    assert.equal(
      renderRoutes(ROUTES, false, at(200))[0],
      "PREFIX         STATE        FROM    NEXT HOP     LOCALPREF  MED  AS PATH                  ORIGIN  KERNEL     REASON",
    );
    assert.match(renderRoutes(ROUTES, true, at(80)).join("\n"), /65535:1 64512:100/);
  });

  it("says what became of a peer's routes", () => {
    const rejected = ROUTES[2]!.paths[1]!;
    const lines = renderPeerRoutes([{ prefix: "10.9.0.0/16", family: "ipv4", path: rejected }], "in", false, at(120));
    assert.match(lines[1]!, /^10\.9\.0\.0\/16 {2}rejected .*the import policy rejects it$/);
  });
});

describe("sentences", () => {
  it("exist for every step of the decision process", () => {
    for (const step of STEPS) {
      const loser = { path: path("rr"), step, bestValue: "X", value: "Y", trace: [] };
      const answer = {
        prefix: "10.0.0.0/8",
        family: "ipv4",
        best: path("tor-a", { best: true }),
        importTrace: [],
        losers: [loser],
        kernel: { state: "installed", reason: null, metric: 0 },
        kernelTrace: [],
        to: null,
      } as const;
      assert.match(explainRoute(answer).join("\n"), /Lost: from rr \(.*\): [A-Za-z ]{3,} Y against X \(.{10,}\)/, step);
    }
  });

  it("of the status tell what is wrong", () => {
    const lines = statusLines(STATUS).join("\n");
    assert.match(lines, /up 1d03h/);
    assert.match(lines, /refused; this one stays in force:\n {4}a\.yaml:3: peers\[0\]\.asn: missing/);
    assert.match(lines, /Kernel: 3 installed, 1 shadowed by other programs' routes/);
  });
});
