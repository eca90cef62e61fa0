import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "node:test";
import { BIRD_QUICK, CONCURRENCY, QUICK, staged } from "./operator.ts";

const PLAN = {
  nodes: ["dut", "far"],
  links: { net0: { dut: ["10.0.0.1/24", "fdbb:1::1/64"], far: ["10.0.0.2/24", "fdbb:1::2/64"] } },
};

function birdConfig(v4: readonly string[], v6: readonly string[] = [], more = ""): string {
  const list = (routes: readonly string[]) => routes.map((route) => `route ${route} blackhole;`).join(" ");
  return `router id 10.0.0.2;
protocol static s4 { ipv4; ${list(v4)} }
protocol static s6 { ipv6; ${list(v6)} }
protocol bgp dut {
  local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; ${BIRD_QUICK} ${more}
  ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; next hop address fdbb:1::2; };
}`;
}

const PEER = {
  name: "far",
  address: "10.0.0.2",
  asn: 65002,
  families: ["ipv4", "ipv6"],
  import: "accept",
  export: "accept",
  timers: QUICK,
};

function config(more: object = {}): object {
  return { router: { id: "10.0.0.1", asn: 65001 }, peers: [PEER], ...more };
}

describe("what the system refuses", { concurrency: CONCURRENCY }, () => {
  staged(
    "a write the kernel refuses is named with its reason and remedy, and done when it can be",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      const { node } = dut;
      await node.ip("link", "add", "ipip0", "type", "veth", "peer", "name", "ipip0-far");
      const rule = (prefixes: string, set: object) => ({ match: { prefixes }, set, action: "accept" });
      const fib = [
        rule("10.9.1.0/24", { preferredSource: "10.99.0.1" }),
        rule("fd09:1::/64", { preferredSource: "fd99::1" }),
        rule("10.9.2.0/24", { device: "ipip0", onlink: true }),
        rule("10.9.3.0/24", { device: "tunl7", onlink: true }),
        { action: "accept" },
      ];
      await dut.write("c.yaml", config({ kernel: { export: "fib" }, policies: { fib } }));
      await Promise.all([
        far.start(birdConfig(["10.9.1.0/24", "10.9.2.0/24", "10.9.3.0/24", "10.9.4.0/24"], ["fd09:1::/64"])),
        dut.start(),
      ]);
      const state = (prefix: string, wanted: string) =>
        dut.until(`${prefix} ${wanted}`, async () => (await dut.explain(prefix)).kernel.state === wanted);
      await state("10.9.4.0/24", "installed");
      for (const [prefix, errno, remedy] of [
        ["10.9.1.0/24", "EINVAL", /prefSrc must be a local address/],
        ["fd09:1::/64", "EINVAL", /prefSrc must be a local address/],
        ["10.9.2.0/24", "ENETDOWN", /set it up/],
      ] as const) {
        await state(prefix, "failed");
        const { reason } = (await dut.explain(prefix)).kernel;
        assert.match(reason!, new RegExp(`^${errno} \\(`));
        assert.match(reason!, remedy);
        await dut.untilLogged(new RegExp(`${prefix.replaceAll(".", "\\.")}.*${errno}`));
      }
      await state("10.9.3.0/24", "notWanted");
      assert.match((await dut.explain("10.9.3.0/24")).kernel.reason!, /interface tunl7, which does not exist/);
      assert.equal((await dut.status()).kernel.failed, 3);
      const text = await dut.cli("explain", "route", "10.9.2.0/24", "--socket", dut.socket);
      assert.match(text.stdout, /ENETDOWN/);

      await node.ip("addr", "add", "10.99.0.1/32", "dev", "lo");
      await node.ip("addr", "add", "fd99::1/128", "dev", "lo", "nodad");
      await node.ip("link", "set", "ipip0", "up");
      await node.ip("link", "add", "tunl7", "type", "veth", "peer", "name", "tunl7-far");
      await node.ip("link", "set", "tunl7", "up");
      for (const prefix of ["10.9.1.0/24", "10.9.2.0/24", "10.9.3.0/24", "fd09:1::/64"])
        await state(prefix, "installed");
      assert.match(await node.ip("route", "show", "10.9.3.0/24"), /dev tunl7/);
      assert.equal((await dut.status()).kernel.failed, 0);
    },
  );

  staged(
    "notifications lost in an overrun: what is learned, announced and installed ends exact",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      const { node } = dut;
      const policies = { out: [{ match: { source: "kernel" }, action: "accept" }] };
      await dut.write("c.yaml", config({ policies, peers: [{ ...PEER, export: "out" }] }));
      await Promise.all([far.start(birdConfig(["10.9.1.0/24", "10.9.2.0/24"], ["fd09:1::/64"])), dut.start()]);
      await dut.until("theirs installed", async () => (await dut.status()).kernel.installed === 3);
      const prefix = (i: number) => `172.${16 + (i >> 14)}.${(i >> 6) & 255}.${(i & 63) * 4}/30`;
      const lines: string[] = [];
      const all = Array.from({ length: 10_000 }, (_, i) => prefix(i));
      for (let round = 0; round < 4; round++) {
        for (const each of all) lines.push(`route add ${each} dev net0 proto 80`);
        for (const [i, each] of all.entries()) if (round < 3 || i % 2 === 1) lines.push(`route del ${each} proto 80`);
      }
      lines.push(
        "route del 10.9.1.0/24",
        "route replace 10.9.2.0/24 via 10.0.0.77 proto bird",
        "route del fd09:1::/64",
      );
      // A daemon that does not read, as under a load of another kind: the kernel's buffer runs over.
      dut.signal("SIGSTOP");
      try {
        const batch = join(await node.folder("batch"), "flap");
        await writeFile(batch, `${lines.join("\n")}\n`);
        await node.ip("-batch", batch);
      } finally {
        dut.signal("SIGCONT");
      }
      await dut.untilLogged(/"reason":"ENOBUFS"/);
      await dut.until("half of them learned", async () => {
        const { rib, kernel } = await dut.status();
        return rib[0]!.prefixes === 5000 + 3 && kernel.pending === 0 && kernel.installed === 3;
      });
      const kept = all.filter((_, i) => i % 2 === 0).toSorted();
      await far.until("the same half announced", async () =>
        (await far.ask("show", "route", "protocol", "dut", "count")).includes("5000 of "),
      );
      assert.deepEqual(await far.learned("dut"), kept);
      assert.match(await node.ip("route", "show", "10.9.1.0/24"), /via 10.0.0.2 dev net0 proto bird/);
      assert.match(await node.ip("route", "show", "10.9.2.0/24"), /via 10.0.0.2 dev net0 proto bird/);
      assert.match(await node.ip("-6", "route", "show", "fd09:1::/64"), /via fdbb:1::2 dev net0 proto bird/);
    },
  );

  staged(
    "the control socket: one daemon has it; a path that cannot be served ends the start at once",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const second = await daemon("dut", "second");
      const far = bird("far");
      await dut.write("c.yaml", config({ static: [{ prefix: "10.9.9.0/24", blackhole: true }] }));
      await second.write("c.yaml", config({ kernel: { keepOnExit: false } }));
      await Promise.all([far.start(birdConfig(["10.9.1.0/24"])), dut.start()]);
      await dut.until("its routes", async () => (await dut.status()).kernel.installed === 2);
      const since = await far.since("dut");
      const cases: [string, RegExp][] = [
        [dut.socket, /another daemon answers there/],
        [join(dut.config, "c.yaml"), /exists and is not a socket/],
        [join(dut.config, "c.yaml", "control.sock"), /its folder is a file/],
        ["/proc/none/control.sock", /its folder's parent does not exist/],
      ];
      for (const [socket, said] of cases) {
        const running = await second.start({ socket, unanswered: true });
        assert.equal(await running.exited, 1, socket);
        const text = await second.log();
        assert.match(text, said);
        assert.match(text, /Cannot serve on \S+/);
        assert.doesNotMatch(text, /\n\s+at /, "no stack");
      }
      assert.equal((await dut.status()).kernel.foreignRepairs, 0);
      assert.equal(await far.since("dut"), since);
      // A socket left over from a crash is no obstacle.
      await dut.end("SIGKILL");
      await dut.start();
      await dut.untilEstablished("far");
    },
  );

  staged("a configuration that cannot be used at the start: exit 1, with file and line", PLAN, async ({ daemon }) => {
    const dut = await daemon("dut");
    await dut.write("c.yaml", "router: { asn: 65001 }\npeers:\n  - { name: a, adress: 10.0.0.2, asn: 65002 }\n");
    const running = await dut.start({ unanswered: true });
    assert.equal(await running.exited, 1);
    assert.match(await dut.log(), /c\.yaml:3: .*adress.*`address`/);
    assert.equal(await dut.node.ip("route", "show", "proto", "bird"), "");
    const none = await dut.cli("run", "--config", "/nonexistent", "--socket", dut.socket);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /\/nonexistent: .*there is none/);
    assert.equal((await dut.cli("run")).code, 2);
    assert.equal((await dut.cli("show", "peers", "--socket", "/nonexistent/s")).code, 4);
  });

  staged(
    "port 179 in use: said, sessions that we open work, and it is listened on when it comes free",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      const script = 'require("net").createServer().listen(179,"::")';
      const other = await dut.node.spawn("other", await dut.node.folder("other"), [process.execPath, "-e", script]);
      await dut.until("the other program", async () =>
        (await dut.node.exec(["cat", "/proc/net/tcp6"])).stdout.includes(":00B3"),
      );
      await dut.write(
        "c.yaml",
        config({ peers: [PEER, { ...PEER, name: "waits", address: "10.0.0.3", passive: true }] }),
      );
      await Promise.all([far.start(birdConfig(["10.9.1.0/24"], [], "passive on;")), dut.start()]);
      await dut.untilEstablished("far");
      const { listeners } = await dut.status();
      assert.deepEqual(
        listeners.map(({ port }) => port),
        [179, 179],
      );
      for (const { failure } of listeners) assert.match(failure!, /port 179: another program listens on port 179/);
      await dut.untilLogged(/listen failed/);
      assert.match(
        (await dut.cli("show", "status", "--socket", dut.socket)).stdout,
        /Not listening: .*another program/,
      );
      process.kill(other.pid);
      await other.exited;
      await dut.until("we listen", async () => (await dut.status()).listeners.every(({ failure }) => failure === null));
      const tcp = (await dut.node.exec(["cat", "/proc/net/tcp", "/proc/net/tcp6"])).stdout;
      assert.equal([...tcp.matchAll(/:00B3 0+:0000 0A /g)].length, 2);
      assert.equal([...(await dut.log()).matchAll(/listen failed/g)].length, 2, "said once each");
    },
  );

  staged(
    "without CAP_NET_ADMIN or CAP_NET_BIND_SERVICE the reason stands in log, status and explain",
    PLAN,
    async ({ daemon, bird }) => {
      const dut = await daemon("dut");
      const far = bird("far");
      await dut.write("c.yaml", config({ peers: [{ ...PEER, password: "with-a-key" }] }));
      const without = (...names: string[]) => {
        const list = names.map((name) => `-${name}`).join(",");
        return ["setpriv", `--bounding-set=${list}`, `--inh-caps=${list}`];
      };
      await Promise.all([
        far.start(birdConfig(["10.9.1.0/24"], [], 'password "with-a-key"; passive on;')),
        dut.start({ prefix: without("net_admin", "net_bind_service") }),
      ]);
      await dut.untilEstablished("far");
      await dut.until("refused", async () => (await dut.explain("10.9.1.0/24")).kernel.state === "failed");
      assert.match((await dut.explain("10.9.1.0/24")).kernel.reason!, /EPERM \(not permitted\).*CAP_NET_ADMIN/);
      await dut.untilLogged(/10\.9\.1\.0\/24.*EPERM/);
      assert.match((await dut.status()).listeners[0]!.failure!, /CAP_NET_BIND_SERVICE/);
      assert.equal(await dut.end("SIGTERM"), 0);
    },
  );
});
