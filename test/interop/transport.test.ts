import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "node:test";
import { createSpeaker } from "../../interop/peers/kinds.ts";
import type { Speaker, SpeakerPlan } from "../../interop/peers/speaker.ts";
import { BIRD_QUICK, CONCURRENCY, type Operator, QUICK, staged } from "./operator.ts";

const LAN = {
  nodes: ["dut", "a", "b"],
  links: {
    net0: {
      dut: ["10.0.0.1/24", "10.0.0.11/24", "fdbb:1::1/64", "fe80::1/64"],
      a: ["10.0.0.2/24", "10.0.0.12/24", "10.0.0.22/24", "fdbb:1::2/64", "fe80::2/64"],
      b: ["10.0.0.3/24", "fdbb:1::3/64", "fe80::3/64"],
    },
  },
};
const BASE = {
  router: { id: "10.0.0.1", asn: 65001 },
  kernel: { program: false, learn: false },
  static: [{ prefix: "10.1.1.0/24", blackhole: true }],
  policies: { own: [{ match: { source: ["static"] }, action: "accept" }] },
};
const OPEN = { import: "accept", export: "own" };

/** A BIRD of AS 65002 with these sessions. */
function birdConfig(...sessions: readonly string[]): string {
  return `router id 10.0.0.2;
protocol static { ipv4; route 10.2.1.0/24 blackhole; }
${sessions.join("\n")}`;
}

const CHANNEL = "ipv4 { import all; export where source = RTS_STATIC; };";

function birdSession(name: string, local: string, remote: string, more = ""): string {
  const family = local.includes(":") ? "ipv6 { import all; export none; };" : CHANNEL;
  return `protocol bgp ${name} { local ${local} as 65002; neighbor ${remote} as 65001; ${BIRD_QUICK} ${more} ${family} }`;
}

function frrPlan(sessions: SpeakerPlan["sessions"]): SpeakerPlan {
  return { routerId: "10.0.0.3", asn: 65003, holdSeconds: 9, sessions, statics: [{ prefix: "10.3.1.0/24" }] };
}

const inFrr = (frr: Speaker, ...commands: string[]) =>
  frr.node.execIn(frr.pids()[0]!, [
    "/usr/bin/vtysh",
    ...["configure terminal", "router bgp 65003", ...commands].flatMap((command) => ["-c", command]),
  ]);

const shown = async (dut: Operator, name: string) =>
  (await dut.cli("show", "peers", name, "--socket", dut.socket)).stdout;

describe("transport", { concurrency: CONCURRENCY }, () => {
  staged(
    "GTSM with BIRD 2 and FRR in either family, and a neighbour that sends another TTL is kept out",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const b = createSpeaker("frr", lab.node("b"));
      const near = { ...OPEN, ttlSecurity: 1, timers: QUICK };
      await dut.write("c.yaml", {
        ...BASE,
        peers: [
          { name: "a4", address: "10.0.0.2", localAddress: "10.0.0.1", asn: 65002, ...near },
          { name: "a6", address: "fdbb:1::2", asn: 65002, ...near },
          { name: "b4", address: "10.0.0.3", localAddress: "10.0.0.1", asn: 65003, ...near },
          { name: "b6", address: "fdbb:1::3", asn: 65003, ...near },
          // It sends what is usual for several hops.
          { name: "far", address: "10.0.0.12", localAddress: "10.0.0.11", asn: 65002, ...near, passive: true },
        ],
      });
      const session = (name: string, local: string, remote: string) => ({
        ...{ name, local, remote, asn: 65001, ttlSecurity: 1 },
      });
      await Promise.all([
        a.start(
          birdConfig(
            birdSession("a4", "10.0.0.2", "10.0.0.1", "ttl security on;"),
            birdSession("a6", "fdbb:1::2", "fdbb:1::1", "ttl security on;"),
            birdSession("far", "10.0.0.12", "10.0.0.11", "multihop 64;"),
          ),
        ),
        b.start(frrPlan([session("b4", "10.0.0.3", "10.0.0.1"), session("b6", "fdbb:1::3", "fdbb:1::1")])),
        dut.start(),
      ]);
      await dut.untilEstablished("a4", "a6", "b4", "b6");
      assert.match(
        await shown(dut, "b6"),
        /TTL security: at most 1 hop away, sent with TTL 255, less than 255 is refused/,
      );
      // All peers use GTSM, so the listener drops the handshake of the far one: the kernel counts it.
      await dut.until("segments of too low a TTL", async () => (await dut.peer("far")).refused?.because === "ttl");
      assert.match((await dut.peer("far")).advice!, /must send 255/);
      // With one peer that has no GTSM it is refused where it is known whose it is.
      await dut.write("peers/other.yaml", { name: "other", address: "10.0.0.99", asn: 65099, ...OPEN, passive: true });
      await dut.untilLogged(/arrived with TTL 64, less than 255/);
      assert.notEqual((await dut.peer("far")).state, "established");
    },
  );

  staged(
    "MD5 over IPv4, IPv6 and link-local, on another port, and from a range: each with BIRD 2 or FRR",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const b = createSpeaker("frr", lab.node("b"));
      const peer = (name: string, address: string, asn: number, password: string, more: object = {}) => ({
        ...{ name, address, asn, password, ...OPEN, timers: QUICK, ...more },
      });
      await dut.write("c.yaml", {
        ...BASE,
        router: {
          ...BASE.router,
          listen: [{ address: "0.0.0.0" }, { address: "::" }, { address: "10.0.0.1", port: 1179 }],
        },
        peers: [
          peer("a6", "fdbb:1::2", 65002, "six", { passive: true }),
          peer("local", "fe80::2%net0", 65002, "link", { passive: true, interface: "net0" }),
          peer("port", "10.0.0.12", 65002, "port", { passive: true, localAddress: "10.0.0.1" }),
          peer("b4", "10.0.0.3", 65003, "four"),
          { name: "rack", prefix: "10.0.0.0/24", asn: 65002, password: "range", limit: 1, ...OPEN, timers: QUICK },
        ],
      });
      await Promise.all([
        a.start(
          birdConfig(
            birdSession("a6", "fdbb:1::2", "fdbb:1::1", 'password "six";'),
            birdSession("linklocal", "fe80::2%'net0'", "fe80::1%'net0'", 'password "link";'),
            birdSession("otherport", "10.0.0.12", "10.0.0.1 port 1179", 'password "port";'),
            birdSession("rack_one", "10.0.0.2", "10.0.0.1", 'password "range";'),
          ),
        ),
        b.start(frrPlan([{ name: "b4", local: "10.0.0.3", remote: "10.0.0.1", asn: 65001, password: "four" }])),
        dut.start(),
      ]);
      await dut.untilEstablished("a6", "local", "port", "b4", "rack-10.0.0.2");
      assert.deepEqual((await dut.peer("rack-10.0.0.2")).dynamic, { range: "rack", prefix: "10.0.0.0/24" });
      assert.match(
        (await dut.cli("show", "peers", "--socket", dut.socket)).stdout,
        /NAME\s+RANGE[\s\S]*rack-10\.0\.0\.2\s+10\.0\.0\.0\/24/,
      );
      // One more is told that there is no room.
      await a.configure(
        birdConfig(
          birdSession("rack_one", "10.0.0.2", "10.0.0.1", 'password "range";'),
          birdSession("rack_two", "10.0.0.22", "10.0.0.11", 'password "range";'),
        ),
      );
      await a.until("refused", async () =>
        /Connection rejected/.test(await a.ask("show", "protocols", "all", "rack_two")),
      );
      await dut.untilLogged(/range \\"rack\\" has as many peers as its limit of 1 allows/);
      assert.ok((await dut.status()).dynamicPeers[0]!.refused > 0);
      // It goes, and with it its place: the other one comes in.
      await a.configure(birdConfig(birdSession("rack_two", "10.0.0.22", "10.0.0.11", 'password "range";')));
      await dut.untilEstablished("rack-10.0.0.22");
      const names = (await dut.peers()).map(({ name }) => name);
      assert.equal(names.includes("rack-10.0.0.2"), false);
      assert.equal((await dut.routes()).filter(({ prefix }) => prefix === "10.2.1.0/24").length, 1);
    },
  );

  staged(
    "a key that changes at both ends of a session of ours loses nothing; at one end it ends by the hold timer",
    LAN,
    async ({ daemon }) => {
      const dut = await daemon("dut");
      const far = await daemon("a");
      const keys = { dut: join(dut.config, "..", "key"), far: join(far.config, "..", "key") };
      const change = async (path: string, key: string) => {
        await writeFile(`${path}.new`, `${key}\n`, { mode: 0o600 });
        await rename(`${path}.new`, path);
      };
      await Promise.all([change(keys.dut, "first-key"), change(keys.far, "first-key")]);
      const session = { ...OPEN, timers: { ...QUICK, hold: "20s" } };
      await dut.write("c.yaml", {
        ...BASE,
        peers: [{ name: "far", address: "10.0.0.2", asn: 65002, passwordFile: keys.dut, ...session }],
      });
      const farConfig = (statics: readonly string[]) => ({
        ...BASE,
        router: { id: "10.0.0.2", asn: 65002 },
        static: statics.map((prefix) => ({ prefix, blackhole: true })),
        peers: [{ name: "dut", address: "10.0.0.1", asn: 65001, passwordFile: keys.far, ...session }],
      });
      await far.write("c.yaml", farConfig(["10.2.1.0/24"]));
      await Promise.all([dut.start(), far.start()]);
      await dut.untilEstablished("far");
      await dut.until("its route", async () => (await dut.route("10.2.1.0/24")) !== undefined);

      await change(keys.dut, "second-key");
      await dut.until("the change", async () => (await dut.peer("far")).key?.changedWhileEstablished);
      // What the far end sends meanwhile waits in its kernel, sent again and again.
      await far.write("c.yaml", farConfig(["10.2.1.0/24", "10.2.2.0/24"]));
      await dut.until("segments refused", async () => ((await dut.peer("far")).refused?.segments ?? 0) > 0);
      assert.match(await shown(dut, "far"), /key in use since .*changed while Established/);
      assert.match(await shown(dut, "far"), /segments refused for their signature: suspected since/);
      assert.equal(await dut.route("10.2.2.0/24"), undefined);
      await change(keys.far, "second-key");
      await dut.until("what waited", async () => (await dut.route("10.2.2.0/24")) !== undefined);
      await dut.until("none refused", async () => (await dut.peer("far")).refused === null);
      for (const [side, name] of [
        [dut, "far"],
        [far, "dut"],
      ] as const) {
        const peer = await side.peer(name);
        assert.deepEqual([peer.established, peer.lost, peer.state], [1, 0, "established"]);
      }

      // The far end does not follow.
      await change(keys.dut, "third-key");
      await dut.until("the session lost", async () => (await dut.peer("far")).lost === 1);
      assert.match((await dut.peer("far")).lastDown!.text, /hold timer/i);
      await dut.untilLogged(/nothing was heard since our key was changed \d+ s ago/);
      await dut.until("the explanation", async () => (await dut.peer("far")).refused !== null);
      const explained = (await dut.cli("explain", "peer", "far", "--socket", dut.socket)).stdout;
      assert.match(explained, /refuses segments for their TCP-MD5 signature/);
      await change(keys.far, "third-key");
      await dut.untilEstablished("far");
      assert.doesNotMatch((await dut.log()) + (await far.log()) + explained, /(first|second|third)-key/);
    },
  );

  staged(
    "BIRD and FRR reset for a new key: whoever changes first, the session is back at once, long before the hold time",
    LAN,
    async ({ lab, daemon, bird }) => {
      const dut = await daemon("dut");
      const a = bird("a");
      const b = createSpeaker("frr", lab.node("b"));
      const slow = { ...QUICK, hold: "240s" };
      const config = (key: string) => ({
        ...BASE,
        peers: [
          { name: "a", address: "10.0.0.2", asn: 65002, password: key, ...OPEN, timers: slow },
          { name: "b", address: "10.0.0.3", asn: 65003, password: key, ...OPEN, timers: slow },
        ],
      });
      const birdWith = (key: string) =>
        birdConfig(
          birdSession("dut", "10.0.0.2", "10.0.0.1", `password "${key}";`).replace("hold time 9", "hold time 240"),
        );
      await dut.write("c.yaml", config("first"));
      await Promise.all([
        a.start(birdWith("first")),
        b.start({
          ...frrPlan([{ name: "dut", local: "10.0.0.3", remote: "10.0.0.1", asn: 65001, password: "first" }]),
          holdSeconds: 240,
        }),
        dut.start(),
      ]);
      const whole = async (sessions: number) => {
        await dut.untilEstablished("a", "b");
        for (const prefix of ["10.2.1.0/24", "10.3.1.0/24"])
          await dut.until(prefix, async () => (await dut.route(prefix)) !== undefined);
        await dut.until("each session anew", async () => (await dut.peers()).every((p) => p.established === sessions));
      };
      await whole(1);

      // We first: ours stays, and hears nothing of theirs going.
      await dut.write("c.yaml", config("second"));
      await dut.until("the change", async () => (await dut.peers()).every((p) => p.key?.changedWhileEstablished));
      assert.deepEqual(
        (await dut.peers()).map((p) => p.lost),
        [0, 0],
      );
      await Promise.all([a.configure(birdWith("second")), inFrr(b, "neighbor 10.0.0.1 password second")]);
      await whole(2);

      // They first: they end the session, and come back when we have changed.
      await Promise.all([a.configure(birdWith("third")), inFrr(b, "neighbor 10.0.0.1 password third")]);
      await dut.until("both lost", async () => (await dut.peers()).every((p) => p.lost === 2));
      await dut.write("c.yaml", config("third"));
      await whole(3);
    },
  );

  staged("port 179 is shared with another speaker of the host, on other addresses", LAN, async ({ daemon, bird }) => {
    const dut = await daemon("dut");
    const beside = bird("dut");
    const far = bird("a");
    const peer = { name: "a", address: "10.0.0.12", localAddress: "10.0.0.11", asn: 65002, ...OPEN, timers: QUICK };
    const config = (listen: string) => ({
      ...BASE,
      router: { ...BASE.router, id: "10.0.0.11", listen: [{ address: listen }] },
      peers: [{ ...peer, passive: true }],
    });
    await beside.start(`router id 10.0.0.1;
protocol static { ipv4; route 10.9.1.0/24 blackhole; }
protocol bgp a { local 10.0.0.1 as 65009; neighbor 10.0.0.2 as 65002; strict bind on; passive on; ${BIRD_QUICK} ${CHANNEL} }`);
    await dut.write("c.yaml", config("0.0.0.0"));
    await Promise.all([
      far.start(
        birdConfig(
          birdSession("ours", "10.0.0.12", "10.0.0.11"),
          birdSession("theirs", "10.0.0.2", "10.0.0.1").replace("as 65001", "as 65009"),
        ),
      ),
      dut.start(),
    ]);
    // Everywhere is taken.
    await dut.until("refused", async () => (await dut.status()).listeners[0]!.failure !== null);
    const { stdout } = await dut.cli("show", "status", "--socket", dut.socket);
    assert.match(
      stdout,
      /Not listening: .*another program listens on port 179 .* name the addresses that are ours in router\.listen/,
    );
    await dut.write("c.yaml", config("10.0.0.11"));
    await dut.untilEstablished("a");
    await far.untilLearned("ours", "10.1.1.0/24");
    await far.untilLearned("theirs", "10.9.1.0/24");
    assert.equal((await dut.status()).listeners[0]!.failure, null);
  });
});
