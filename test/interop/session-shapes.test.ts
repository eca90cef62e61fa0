import assert from "node:assert/strict";
import { describe } from "node:test";
import { createSpeaker } from "../../interop/peers/kinds.ts";
import { type SpeakerPlan, untilEstablished, untilGone, untilRoute } from "../../interop/peers/speaker.ts";
import { BIRD_QUICK, CONCURRENCY, QUICK, staged } from "./operator.ts";

const LAN = {
  nodes: ["dut", "a", "b"],
  links: {
    net0: {
      dut: ["10.0.0.1/24", "10.0.0.11/24", "fdbb:1::1/64", "fe80::1/64"],
      a: ["10.0.0.2/24", "10.0.0.12/24", "fdbb:1::2/64", "fe80::2/64"],
      b: ["10.0.0.3/24", "fdbb:1::3/64", "fe80::3/64"],
    },
  },
};
const ROUTER = { id: "10.0.0.1", asn: 65001 };
const OURS = [
  { prefix: "10.1.1.0/24", blackhole: true },
  { prefix: "fd01:1::/64", blackhole: true },
];
const POLICIES = { own: [{ match: { source: ["static", "bgp"] }, action: "accept" }] };
const OPEN = { import: "accept", export: "own", timers: QUICK };

/** A BIRD, AS 6500n at node n, with statics of both families and these sessions. */
function birdConfig(n: number, sessions: string, more = ""): string {
  return `router id 10.0.0.${n};
protocol static s4 { ipv4; route 10.${n}.1.0/24 blackhole; route 10.${n}.2.0/24 blackhole; ${more} }
protocol static s6 { ipv6; route fd0${n}:1::/64 blackhole; }
${sessions}`;
}

const BOTH = `ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; };`;

describe("shapes of sessions", { concurrency: CONCURRENCY }, () => {
  staged(
    "one session carries both families, over IPv4 and over IPv6, with BIRD 2 and FRR",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const b = createSpeaker("frr", lab.node("b"));
      const peers = [
        { name: "a4", address: "10.0.0.2", localAddress: "10.0.0.1", asn: 65002, families: ["ipv4", "ipv6"], ...OPEN },
        {
          name: "a6",
          address: "fdbb:1::2",
          localAddress: "fdbb:1::1",
          asn: 65002,
          families: ["ipv4", "ipv6"],
          ...OPEN,
        },
        {
          name: "b6",
          address: "fdbb:1::3",
          localAddress: "fdbb:1::1",
          asn: 65003,
          families: ["ipv4", "ipv6"],
          ...OPEN,
        },
      ];
      await dut.write("c.yaml", { router: ROUTER, static: OURS, policies: POLICIES, kernel: { learn: false }, peers });
      const plan: SpeakerPlan = {
        routerId: "10.0.0.3",
        asn: 65003,
        holdSeconds: 9,
        sessions: [{ name: "dut6", local: "fdbb:1::3", remote: "fdbb:1::1", asn: 65001, families: ["ipv4", "ipv6"] }],
        statics: [{ prefix: "10.3.1.0/24" }, { prefix: "fd03:1::/64" }],
      };
      const protocol = (name: string, from: string, to: string) =>
        `protocol bgp ${name} { local ${from} as 65002; neighbor ${to} as 65001; ${BIRD_QUICK} ${BOTH} }`;
      const sessions = [protocol("dut4", "10.0.0.2", "10.0.0.1"), protocol("dut6", "fdbb:1::2", "fdbb:1::1")];
      await Promise.all([a.start(birdConfig(2, sessions.join("\n"))), b.start(plan), dut.start()]);
      await dut.untilEstablished("a4", "a6", "b6");
      for (const name of ["a4", "a6", "b6"])
        assert.deepEqual(
          (await dut.peer(name)).families.map(({ family, active }) => [family, active]),
          [
            ["ipv4", true],
            ["ipv6", true],
          ],
        );
      // Ours, and the other speaker's, reach each with a next hop of the prefix's family that works.
      for (const prefix of ["10.1.1.0/24", "10.3.1.0/24"])
        for (const name of ["dut4", "dut6"])
          await a.until(`${prefix} by ${name}`, async () => {
            const text = await a.ask("show", "route", "protocol", name, "for", prefix, "all").catch(String);
            return (
              text.includes(`via ${prefix === "10.1.1.0/24" ? "10.0.0.1" : "10.0.0.3"} `) ||
              text.includes("via 10.0.0.1 ")
            );
          });
      for (const prefix of ["fd01:1::/64", "fd03:1::/64"])
        for (const name of ["dut4", "dut6"])
          await a.until(`${prefix} by ${name}`, async () =>
            /via f[de]\S+ on net0/.test(
              await a.ask("show", "route", "protocol", name, "for", prefix, "all").catch(String),
            ),
          );
      const four = await untilRoute(b, "10.1.1.0/24");
      assert.equal(four.nextHop, "10.0.0.1");
      assert.deepEqual(four.asPath, [65001]);
      await untilRoute(b, "fd01:1::/64");
      await untilRoute(b, "10.2.1.0/24");
      await untilRoute(b, "fd02:1::/64");
      for (const prefix of ["10.2.1.0/24", "10.3.1.0/24", "fd02:1::/64", "fd03:1::/64"])
        await dut.until(`${prefix} in the kernel`, async () => (await dut.route(prefix))?.kernel.state === "installed");
      // Of two sessions with one speaker one path loses, and explain says by what.
      const losing = (await dut.explain("10.2.1.0/24")).losers.find((loser) => loser.path.peer?.startsWith("a"));
      assert.match(losing!.step, /address|id/i);
      assert.notEqual(losing!.value, losing!.bestValue);
      const looped = (await dut.explain("10.1.1.0/24")).losers.find((loser) => loser.step === "rejected");
      if (looped) assert.match(looped.value, /own AS/);
    },
  );

  staged("a link-local peer address with its zone", LAN, async ({ daemon, bird }) => {
    const dut = await daemon("dut");
    const a = bird("a");
    const peer = { name: "a", address: "fe80::2%net0", asn: 65002, families: ["ipv4", "ipv6"], ...OPEN };
    await dut.write("c.yaml", {
      router: ROUTER,
      static: OURS,
      policies: POLICIES,
      kernel: { learn: false },
      peers: [peer],
    });
    const session = `protocol bgp dut { local fe80::2%'net0' as 65002; neighbor fe80::1%'net0' as 65001; ${BIRD_QUICK}
      ipv4 { import all; export where source = RTS_STATIC; next hop address 10.0.0.2; };
      ipv6 { import all; export where source = RTS_STATIC; }; }`;
    await Promise.all([a.start(birdConfig(2, session)), dut.start()]);
    await dut.untilEstablished("a");
    await a.untilLearned("dut", "10.1.1.0/24", "fd01:1::/64");
    await a.until("a next hop that works", async () =>
      /via f\S+ on net0[\s\S]*next_hop: fdbb:1::1 fe80::1\n/.test(await a.route("fd01:1::/64")),
    );
    await a.until("a next hop that works", async () => /via 10\.0\.0\.1 on net0/.test(await a.route("10.1.1.0/24")));
    for (const prefix of ["10.2.1.0/24", "fd02:1::/64"])
      await dut.until(`${prefix} installed`, async () => (await dut.route(prefix))?.kernel.state === "installed");
    assert.match(await dut.node.ip("-6", "route", "show", "fd02:1::/64"), /via f[de]\S+ dev net0 proto bird/);
  });

  staged(
    "third-party next hops on a shared LAN, next hop self, default-only, and no policy: nothing",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const b = createSpeaker("frr", lab.node("b"));
      const peer = (name: string, last: number, more: object = OPEN) => ({
        name,
        address: `10.0.0.${last}`,
        asn: 65000 + last,
        timers: QUICK,
        ...more,
      });
      const config = (...peers: object[]) => ({
        router: ROUTER,
        static: [...OURS, { prefix: "0.0.0.0/0", via: "10.0.0.3" }],
        policies: { own: [{ match: { prefixes: "0.0.0.0/0" }, action: "reject" }, ...POLICIES.own] },
        kernel: { learn: false },
        peers,
      });
      await dut.write("c.yaml", config(peer("a", 2), peer("b", 3)));
      const session = `protocol bgp dut { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; ${BIRD_QUICK} ipv4 { import all; export where source = RTS_STATIC; }; }`;
      const plan: SpeakerPlan = {
        routerId: "10.0.0.3",
        asn: 65003,
        holdSeconds: 9,
        sessions: [{ name: "dut", local: "10.0.0.3", remote: "10.0.0.1", asn: 65001 }],
        statics: [{ prefix: "10.3.1.0/24" }],
      };
      await Promise.all([a.start(birdConfig(2, session)), b.start(plan), dut.start()]);
      await dut.untilEstablished("a", "b");
      const hop = (next: string) =>
        a.until(`next hop ${next}`, async () => (await a.route("10.3.1.0/24")).includes(`BGP.next_hop: ${next}`));
      await hop("10.0.0.3");
      assert.equal((await untilRoute(b, "10.2.1.0/24")).nextHop, "10.0.0.2");
      assert.equal((await untilRoute(b, "10.1.1.0/24")).nextHop, "10.0.0.1");
      const since = await a.since("dut");
      await dut.write("c.yaml", config(peer("a", 2, { ...OPEN, nextHop: "self" }), peer("b", 3)));
      await hop("10.0.0.1");

      await dut.write("c.yaml", config(peer("a", 2, { ...OPEN, export: "default-only" }), peer("b", 3)));
      await a.untilLearned("dut", "0.0.0.0/0");
      const stopped = (await dut.explain("10.1.1.0/24", "a")).to!;
      assert.equal(stopped.announced, false);
      assert.match(stopped.stoppedBy!.reason, /default-only/);

      // RFC 8212: nothing either way, said by check and in what explain answers.
      await dut.write("c.yaml", config(peer("a", 2, {}), peer("b", 3)));
      await a.untilLearned("dut");
      await untilGone(b, "10.2.1.0/24");
      await dut.until("rejected", async () => (await dut.explain("10.2.1.0/24")).losers[0]?.step === "rejected");
      assert.match((await dut.explain("10.2.1.0/24")).losers[0]!.value, /RFC 8212/);
      const check = await dut.cli("check", dut.config);
      assert.equal(check.code, 0);
      assert.match(check.stdout, /8212/);
      assert.equal(await a.since("dut"), since, "none of this reset the session");
    },
  );

  staged(
    "no-export, no-advertise and no-export-subconfed are honoured, by session kind",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const b = createSpeaker("bird2", lab.node("b"));
      const extra = ["3", "4", "5"].map((n) => `route 10.2.${n}.0/24 blackhole;`).join(" ");
      const tag = (n: number, low: string) => `if net = 10.2.${n}.0/24 then bgp_community.add((0xffff, ${low}));`;
      const out = `filter { if source != RTS_STATIC then reject; ${tag(3, "0xff01")} ${tag(4, "0xff02")} ${tag(5, "0xff03")} accept; }`;
      const session = `protocol bgp dut { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; ${BIRD_QUICK} ipv4 { import all; export ${out}; }; }
protocol bgp inner { local 10.0.0.12 as 65001; neighbor 10.0.0.11 as 65001; ${BIRD_QUICK} ipv4 { import all; export none; }; }`;
      const peers = [
        { name: "a", address: "10.0.0.2", localAddress: "10.0.0.1", asn: 65002, ...OPEN },
        { name: "inner", address: "10.0.0.12", localAddress: "10.0.0.11", asn: 65001, ...OPEN, nextHop: "self" },
        { name: "b", address: "10.0.0.3", asn: 65003, ...OPEN },
      ];
      await dut.write("c.yaml", {
        router: ROUTER,
        policies: POLICIES,
        kernel: { program: false, learn: false },
        peers,
      });
      await Promise.all([
        a.start(birdConfig(2, session, extra)),
        b.start({
          routerId: "10.0.0.3",
          asn: 65003,
          holdSeconds: 9,
          sessions: [{ name: "dut", local: "10.0.0.3", remote: "10.0.0.1", asn: 65001 }],
        }),
        dut.start(),
      ]);
      await dut.untilEstablished("a", "b", "inner");
      await untilEstablished(b, "dut");
      await a.untilLearned("inner", "10.2.1.0/24", "10.2.2.0/24", "10.2.3.0/24", "10.2.5.0/24");
      await untilRoute(b, "10.2.1.0/24");
      await untilRoute(b, "10.2.2.0/24");
      const heard = (await b.routes("ipv4"))
        .filter((route) => route.source === "dut")
        .map((route) => route.prefix)
        .sort();
      assert.deepEqual(heard, ["10.2.1.0/24", "10.2.2.0/24"]);
      for (const [prefix, name, word] of [
        ["10.2.3.0/24", "b", /no.?export/i],
        ["10.2.4.0/24", "inner", /no.?advertise/i],
        ["10.2.5.0/24", "b", /no.?export/i],
      ] as const) {
        const { to } = await dut.explain(prefix, name);
        assert.equal(to!.announced, false, prefix);
        assert.match(`${to!.stoppedBy!.step} ${to!.stoppedBy!.reason}`, word);
      }
      assert.equal((await dut.explain("10.2.3.0/24", "inner")).to!.announced, true);
      assert.match((await dut.explain("10.2.1.0/24", "a")).to!.stoppedBy!.reason, /peer|itself|own|from/i);
    },
  );

  staged("both sides connect at once, twenty times; then either side passive", LAN, async ({ daemon, bird }) => {
    const dut = await daemon("dut");
    const a = bird("a");
    const eager = { ...QUICK, connectRetry: "1s", idleHoldMin: "0s", idleHoldMax: "1s" };
    const peer = (more: object) => ({
      name: "a",
      address: "10.0.0.2",
      asn: 65002,
      import: "accept",
      export: "own",
      timers: eager,
      ...more,
    });
    const write = (more: object) =>
      dut.write("c.yaml", {
        router: ROUTER,
        static: OURS,
        policies: POLICIES,
        kernel: { program: false, learn: false },
        peers: [peer(more)],
      });
    const config = (more: string) =>
      birdConfig(
        2,
        `protocol bgp dut { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; hold time 9; connect delay time 0; connect retry time 1; error wait time 1, 1; ${more} ipv4 { import all; export where source = RTS_STATIC; }; }`,
      );
    await write({});
    await Promise.all([a.start(config("")), dut.start()]);
    const whole = async () => {
      await dut.untilEstablished("a");
      await a.untilLearned("dut", "10.1.1.0/24");
      await dut.until("theirs", async () => (await dut.route("10.2.1.0/24")) !== undefined);
    };
    await whole();
    for (let round = 1; round <= 20; round++) {
      // Both forget each other and begin at the same moment.
      await Promise.all([a.ask("disable", "dut"), write({ disabled: true })]);
      await dut.until("down", async () => (await dut.peer("a")).state === "idle");
      await Promise.all([a.ask("enable", "dut"), write({})]);
      await whole();
    }
    await dut.until("one connection is left of two", async () => (await dut.node.connections(179)).length === 1);
    await write({ passive: true });
    await a.ask("restart", "dut");
    await whole();
    await write({});
    await a.configure(config("passive on;"));
    await whole();
  });

  staged(
    "two peers that share an address, told apart by port and by local address",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      // A daemon of ours on a, beside BIRD, at another port of the same address.
      const beside = await daemon("a");
      assert.ok(lab.node("a"));
      const far = { import: "accept", export: "own", timers: QUICK };
      await dut.write("c.yaml", {
        router: ROUTER,
        static: OURS,
        policies: POLICIES,
        kernel: { program: false, learn: false },
        peers: [
          { name: "bird", address: "10.0.0.2", localAddress: "10.0.0.1", asn: 65002, ...far },
          { name: "beside", address: "10.0.0.2", port: 1179, localAddress: "10.0.0.11", asn: 65004, ...far },
        ],
      });
      await beside.write("c.yaml", {
        router: { id: "10.0.0.4", asn: 65004, listen: [{ address: "10.0.0.2", port: 1179 }] },
        static: [{ prefix: "10.4.1.0/24", blackhole: true }],
        policies: POLICIES,
        kernel: { program: false, learn: false },
        peers: [{ name: "dut", address: "10.0.0.11", localAddress: "10.0.0.2", asn: 65001, ...far }],
      });
      const session = `protocol bgp dut { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; ${BIRD_QUICK} ipv4 { import all; export where source = RTS_STATIC; }; }`;
      await Promise.all([a.start(birdConfig(2, session)), beside.start(), dut.start()]);
      await dut.untilEstablished("bird", "beside");
      await a.untilLearned("dut", "10.1.1.0/24");
      await beside.until("ours", async () => (await beside.route("10.1.1.0/24")) !== undefined);
      await dut.until("routes of both", async () => {
        const routes = (await dut.routes()).map((route) => route.prefix);
        return routes.includes("10.2.1.0/24") && routes.includes("10.4.1.0/24");
      });
      assert.equal((await dut.explain("10.4.1.0/24")).best!.peer, "beside");
      assert.equal((await dut.explain("10.2.1.0/24")).best!.peer, "bird");
      // The next hop of either one's routes is the other's own address.
      for (const [prefix, to] of [
        ["10.4.1.0/24", "bird"],
        ["10.2.1.0/24", "beside"],
      ] as const)
        assert.match((await dut.explain(prefix, to)).to!.stoppedBy!.reason, /next hop/);
    },
  );
});
