import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { BirdView, DaemonFacts, ProtocolFacts, SessionFacts } from "../../src/control/bird/facts.ts";
import { createBirdSession } from "../../src/control/bird/session.ts";
import { ask, askAll, contextOf, NOW_MS } from "./bird-asking.ts";
import {
  printAsBirdc,
  readCalicoctl,
  readReadinessStatus,
  readReply,
  readReportedPeer,
  readReportedStatus,
} from "./bird-readers.ts";

const HOUR = 3600_000;

const DAEMON: DaemonFacts = {
  routerId: "10.0.0.1",
  startedAtMs: NOW_MS - HOUR,
  configuredAtMs: NOW_MS - HOUR / 2,
  recovery: undefined,
};

function protocol(name: string, kind: ProtocolFacts["kind"], changes: Partial<ProtocolFacts> = {}): ProtocolFacts {
  return {
    name,
    kind,
    state: "up",
    sinceMs: NOW_MS - HOUR,
    ageMs: HOUR,
    description: undefined,
    preference: 100,
    importPolicy: "accept",
    exportPolicy: "to-peers",
    recovery: undefined,
    limits: [],
    routes: { imported: 3, exported: 5, preferred: 2 },
    changes: {
      importUpdates: { received: 12, rejected: 1, filtered: 2, ignored: 4, accepted: 5 },
      importWithdraws: { received: 4, ignored: 1, accepted: 3 },
      exportUpdates: { received: 9, rejected: 1, filtered: 2, accepted: 6 },
      exportWithdraws: { received: 7, accepted: 7 },
    },
    session: undefined,
    ...changes,
  };
}

function session(changes: Partial<SessionFacts> = {}): SessionFacts {
  return {
    state: "Established",
    neighborAddress: "10.0.0.2",
    neighborAs: 64512,
    neighborRestarts: false,
    connectDelay: undefined,
    errorWait: undefined,
    established: {
      neighborId: "10.0.0.2",
      neighborCapabilities: ["refresh", "enhanced-refresh", "restart-able", "llgr-aware", "AS4"],
      kinds: ["internal", "multihop", "AS4"],
      sourceAddress: "10.0.0.1",
      routeLimit: undefined,
      holdTimer: { leftSeconds: 213, totalSeconds: 240 },
      keepaliveTimer: { leftSeconds: 54, totalSeconds: 80 },
    },
    lastError: undefined,
    ...changes,
  };
}

const DOWN = { established: undefined } as const;
const PROTOCOLS: readonly ProtocolFacts[] = [
  protocol("static1", "Static", { preference: 200, exportPolicy: "reject" }),
  protocol("kernel1", "Kernel", { preference: 10, sinceMs: NOW_MS - 21 * HOUR, ageMs: 21 * HOUR }),
  protocol("Mesh_10_0_0_2", "BGP", { description: "node b", session: session() }),
  protocol("Mesh_10_0_0_3", "BGP", { state: "start", session: session({ ...DOWN, state: "Passive" }) }),
  protocol("Node_10_0_0_4", "BGP", {
    state: "start",
    session: session({
      ...DOWN,
      state: "Active",
      neighborAddress: "10.0.0.4",
      neighborRestarts: true,
      connectDelay: { leftSeconds: 2, totalSeconds: 5 },
      lastError: { kind: "Socket", text: "Connection refused" },
    }),
  }),
  protocol("Global_10_0_0_5", "BGP", {
    state: "down",
    routes: undefined,
    changes: undefined,
    limits: [{ direction: "Receive", limit: 1, reached: true, action: "disable" }],
    session: session({
      ...DOWN,
      state: "Down",
      neighborAddress: "10.0.0.5",
      lastError: { kind: "Automatic shutdown", text: "Route limit exceeded" },
    }),
  }),
];

function viewOf(daemon: Partial<DaemonFacts> = {}, protocols = PROTOCOLS): BirdView {
  return {
    daemon: () => ({ ...DAEMON, ...daemon }),
    protocols: (_family, wanted) => protocols.filter(({ name }) => wanted(name)),
  };
}

const CONTEXT = contextOf(viewOf());
const RECOVERING = contextOf(viewOf({ recovery: { waiting: 3, leftSeconds: 200, totalSeconds: 240 } }));

describe("the BIRD dialect", () => {
  it("welcomes with its version", () => {
    assert.equal(createBirdSession(CONTEXT).welcome, "0001 BIRD v1.2.3 ready.\n");
  });

  it("shows the status in the lines of BIRD 1.6", async () => {
    const status = `1000-BIRD v1.2.3
1011-Router ID is 10.0.0.1
 Current server time is 2026-11-20 14:43:10
 Last reboot on 2026-11-20 13:43:10
 Last reconfiguration on 2026-11-20 14:13:10
`;
    assert.equal(await ask(CONTEXT, "show status"), `${status}0013 Daemon is up and running\n`);
    assert.equal(
      await ask(RECOVERING, "show status"),
      `${status}0024-Graceful restart recovery in progress
   Waiting for 3 protocols to recover
   Wait timer is 200/240
0013 Daemon is up and running
`,
    );
  });

  it("shows protocols in six columns", async () => {
    assert.equal(
      await ask(CONTEXT, "show protocols"),
      `2002-name     proto    table    state  since       info
1002-static1  Static   master   up     13:43:10    ${""}
 kernel1  Kernel   master   up     2026-11-19  ${""}
 Mesh_10_0_0_2 BGP      master   up     13:43:10    Established   ${""}
 Mesh_10_0_0_3 BGP      master   start  13:43:10    Passive       ${""}
 Node_10_0_0_4 BGP      master   start  13:43:10    Active        Socket: Connection refused
 Global_10_0_0_5 BGP      master   down   13:43:10    Down          Automatic shutdown: Route limit exceeded
0000 ${""}
`,
    );
  });

  it("shows an established session with its routes, changes and timers", async () => {
    assert.equal(
      await ask(CONTEXT, "show protocols all Mesh_10_0_0_2"),
      `2002-name     proto    table    state  since       info
1002-Mesh_10_0_0_2 BGP      master   up     13:43:10    Established   ${""}
1006-  Description:    node b
   Preference:     100
   Input filter:   ACCEPT
   Output filter:  to-peers
   Routes:         3 imported, 5 exported, 2 preferred
   Route change stats:     received   rejected   filtered    ignored   accepted
     Import updates:             12          1          2          4          5
     Import withdraws:            4          0        ---          1          3
     Export updates:              9          1          2        ---          6
     Export withdraws:            7        ---        ---        ---          7
   BGP state:          Established
     Neighbor address: 10.0.0.2
     Neighbor AS:      64512
     Neighbor ID:      10.0.0.2
     Neighbor caps:    refresh enhanced-refresh restart-able llgr-aware AS4
     Session:          internal multihop AS4
     Source address:   10.0.0.1
     Hold timer:       213/240
     Keepalive timer:  54/80
 ${""}
0000 ${""}
`,
    );
  });

  it("shows what keeps a session down, and a limit that did", async () => {
    const [waiting, down] = [
      await ask(CONTEXT, "show protocols all 'Node_10_0_0_4'"),
      await ask(CONTEXT, "show protocols all Global_10_0_0_5"),
    ];
    assert.match(
      waiting,
      /\n {3}BGP state: {10}Active\n {5}Neighbor address: 10.0.0.4\n {5}Neighbor AS: {6}64512\n {5}Neighbor graceful restart active\n {5}Connect delay: {4}2\/5\n {5}Last error: {7}Socket: Connection refused\n \n0000 \n$/,
    );
    assert.match(
      down,
      /\n {3}Output filter: {2}to-peers\n {3}Receive limit: {2}1 \[HIT\]\n {5}Action: {7}disable\n {3}BGP state:/,
    );
    assert.doesNotMatch(down, /Routes:|Route change/);
  });

  it("says which protocols recover", async () => {
    const at = (recovery: ProtocolFacts["recovery"]) =>
      ask(contextOf(viewOf({}, [protocol("a", "BGP", { recovery })])), "show protocols all");
    assert.match(await at("pending"), /\n {3}GR recovery: {4}pending\n/);
    assert.match(await at("none"), /\n {3}GR recovery: {3}\n/);
    assert.doesNotMatch(await at(undefined), /GR recovery/);
  });

  it("sends row and first detail with their codes where they take turns", async () => {
    const codes = readReply(await ask(CONTEXT, "show protocols all")).map(([code]) => code);
    assert.equal(codes.filter((code) => code === 1002).length, PROTOCOLS.length);
    assert.equal((await ask(CONTEXT, "show protocols all")).match(/^1002-/gm)?.length, PROTOCOLS.length);
    assert.equal((await ask(CONTEXT, "show protocols all")).match(/^1006-/gm)?.length, PROTOCOLS.length);
  });

  for (const { command, names } of [
    { command: 'show protocols "Mesh*"', names: ["Mesh_10_0_0_2", "Mesh_10_0_0_3"] },
    { command: 'show protocols "*_10_0_0_?"', names: PROTOCOLS.slice(2).map(({ name }) => name) },
    { command: "show protocols kernel1", names: ["kernel1"] },
    { command: "show   protocols\tkernel1   # who else", names: ["kernel1"] },
    { command: "show protocols /* all of */ 'kernel1'", names: ["kernel1"] },
    { command: "show protocols\r", names: PROTOCOLS.map(({ name }) => name) },
  ])
    it(`answers ${JSON.stringify(command)} with ${names.length} rows`, async () => {
      const rows = readReply(await ask(CONTEXT, command)).filter(([code]) => code === 1002);
      assert.deepEqual(
        rows.map(([, text]) => text.split(" ")[0]),
        names,
      );
    });

  for (const { command, reply } of [
    { command: "", reply: "9001 syntax error, unexpected end of command" },
    { command: "  ", reply: "9001 syntax error, unexpected end of command" },
    { command: "bogus", reply: "9001 syntax error, unexpected bogus" },
    { command: "show", reply: "9001 syntax error, unexpected end of command" },
    { command: "show bogus", reply: "9001 syntax error, unexpected bogus" },
    { command: "show status now", reply: "9001 syntax error, unexpected now" },
    { command: "show protocols all a b", reply: "9001 syntax error, unexpected b" },
    { command: "SHOW STATUS", reply: "9001 syntax error, unexpected SHOW" },
    { command: '"show" status', reply: "9001 syntax error, unexpected show" },
    { command: 'show protocols "x', reply: "9001 Unterminated string" },
    { command: "show protocols nix", reply: "9002 nix is not a protocol" },
    { command: 'show protocols "nix*"', reply: "8003 No protocols match" },
    { command: "show protocols all constructor", reply: "9002 constructor is not a protocol" },
    { command: "restrict", reply: "0016 Access restricted" },
    { command: "down", reply: "9001 syntax error, unexpected down" },
    { command: "x".repeat(4097), reply: "9000 Command too long" },
  ])
    it(`answers ${JSON.stringify(command.slice(0, 40))} with ${reply.slice(0, 4)}`, async () => {
      assert.equal(await ask(CONTEXT, command), `${reply}\n`);
    });

  it("goes on after a command that is too long", async () => {
    const replies = await askAll(CONTEXT, `${"y".repeat(100_000)}\nrestrict\n`);
    assert.deepEqual(replies, ["9000 Command too long\n", "0016 Access restricted\n"]);
  });

  it("finds the same commands however the octets are cut", async () => {
    const text = new TextEncoder().encode("show status\r\n\nshow protocols\nrestrict\nshow");
    const whole = createBirdSession(CONTEXT).push(text);
    assert.deepEqual(whole, ["show status", "", "show protocols", "restrict"]);
    for (let size = 1; size < 8; size++) {
      const cut = createBirdSession(CONTEXT);
      const commands: unknown[] = [];
      for (let at = 0; at < text.length; at += size) commands.push(...cut.push(text.subarray(at, at + size)));
      assert.deepEqual(commands, whole);
    }
  });

  it("keeps what a peer or an operator wrote within its line", async () => {
    const evil = protocol("a", "BGP", {
      description: "x\n0000 \n1002-b BGP",
      session: session({
        state: "Idle",
        established: undefined,
        lastError: { kind: "Received", text: "a\r\nb\u0000" },
      }),
    });
    const lines = readReply(await ask(contextOf(viewOf({}, [evil])), "show protocols all"));
    assert.deepEqual([...new Set(lines.map(([code]) => code))], [2002, 1002, 1006, 0]);
  });

  it("answers any octets with one well-formed reply to each line", async () => {
    const words = fc.constantFrom(
      "show",
      "status",
      "protocols",
      "all",
      '"',
      "'",
      "*",
      "#",
      "/*",
      "\r",
      " ",
      "Mesh_10_0_0_2",
      "\t",
    );
    const lines = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(words).map((some) => new TextEncoder().encode(some.join(" "))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(lines, { maxLength: 8 }), async (parts) => {
        const octets = Uint8Array.from(parts.flatMap((part) => [...part, 10]));
        const replies = await askAll(CONTEXT, octets);
        assert.equal(replies.length, octets.filter((octet) => octet === 10).length);
        for (const reply of replies) readReply(reply);
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});

describe("readers of the BIRD dialect", () => {
  const welcome = createBirdSession(CONTEXT).welcome;

  it("calicoctl and the readiness probe read every row", async () => {
    const peers = readCalicoctl(welcome + (await ask(CONTEXT, "show protocols")), ".");
    assert.deepEqual(
      peers.map(({ address, type, state, bgpState, info }) => [address, type, state, bgpState, info]),
      [
        ["10.0.0.2", "node-to-node mesh", "up", "Established", ""],
        ["10.0.0.3", "node-to-node mesh", "start", "Passive", ""],
        ["10.0.0.4", "node specific", "start", "Active", "Socket: Connection refused"],
        ["10.0.0.5", "global", "down", "Down", "Automatic shutdown: Route limit exceeded"],
      ],
    );
  });

  it("the readiness probe sees a graceful restart, and only then", async () => {
    assert.deepEqual(readReadinessStatus(welcome + (await ask(CONTEXT, "show status"))), { recovering: false });
    assert.deepEqual(readReadinessStatus(welcome + (await ask(RECOVERING, "show status"))), { recovering: true });
  });

  it("the status reporter reads version, router and times", async () => {
    assert.deepEqual(readReportedStatus(welcome + (await ask(CONTEXT, "show status"))), {
      isReady: true,
      version: "1.2.3",
      routerId: "10.0.0.1",
      now: "2026-11-20 14:43:10",
      lastBoot: "2026-11-20 13:43:10",
      lastConfigured: "2026-11-20 14:13:10",
    });
  });

  it("the status reporter reads state and address of each peer, and nothing for states it does not know", async () => {
    const read = async (name: string) => readReportedPeer(await ask(CONTEXT, `show protocols all ${name}`));
    assert.deepEqual(await read("Mesh_10_0_0_2"), { bgpState: "Established", address: "10.0.0.2" });
    assert.deepEqual(await read("Node_10_0_0_4"), { bgpState: "Active", address: "10.0.0.4" });
    assert.deepEqual(await read("Mesh_10_0_0_3"), { bgpState: "", address: "10.0.0.2" });
    assert.deepEqual(await read("Global_10_0_0_5"), { bgpState: "", address: "10.0.0.5" });
  });

  it("birdc prints a status that begins with BIRD, as the liveness probe wants", async () => {
    const printed = printAsBirdc(welcome + (await ask(CONTEXT, "show status")));
    assert.match(printed, /^BIRD v1.2.3 ready\.\nBIRD v1.2.3\nRouter ID is 10.0.0.1\n/);
    assert.match(printed, /\nDaemon is up and running$/);
  });
});
