import assert from "node:assert/strict";
import { mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe } from "node:test";
import { poll } from "../../interop/process.ts";
import type { PreviewAnswer, RoutesPreview } from "../../src/control/preview-answer.ts";
import { BIRD_QUICK, type Bird, CONCURRENCY, type Operator, QUICK, type Stage, staged } from "./operator.ts";

const PLAN = {
  nodes: ["dut", "far"],
  links: {
    net0: { dut: ["10.0.0.12/24", "10.0.0.13/24", "10.0.0.14/24"], far: ["10.0.0.2/24", "10.0.0.3/24", "10.0.0.4/24"] },
  },
};
const PREFIXES = ["10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"] as const;

/** Sessions of BIRD, AS 65002, each from an address of its own to one of ours. `more` stands in the first. */
function birdConfig(names: string, more: Readonly<Record<string, string>> = {}): string {
  const parts = [...names].map((name) => {
    const last = "abc".indexOf(name) + 2;
    return `protocol bgp ${name} {
  local 10.0.0.${last} as 65002; neighbor 10.0.0.${last + 10} as 65001; ${BIRD_QUICK} ${more[name] ?? ""}
  ipv4 { import all; export where source = RTS_STATIC; };
}`;
  });
  const statics = "protocol static { ipv4; route 10.2.0.0/24 blackhole; route 10.2.1.0/24 blackhole; }";
  return `router id 10.0.0.2;\n${statics}\n${parts.join("\n")}`;
}

const MAIN = {
  router: { id: "10.0.0.12", asn: 65001 },
  kernel: { program: true, learn: false },
  static: PREFIXES.map((prefix) => ({ prefix, blackhole: true })),
  policies: { out: [{ match: { source: "static" }, action: "accept" }] },
};

function peer(name: string, last: number, more: object = {}): object {
  const addresses = { address: `10.0.0.${last}`, localAddress: `10.0.0.${last + 10}` };
  return { name, ...addresses, asn: 65002, import: "accept", export: "out", timers: QUICK, ...more };
}

async function twoSessions({ daemon, bird }: Stage): Promise<{ dut: Operator; far: Bird }> {
  const dut = await daemon("dut");
  const far = bird("far");
  await dut.write("main.yaml", MAIN);
  await dut.write("peers/a.yaml", peer("a", 2));
  await dut.write("peers/b.yaml", peer("b", 3));
  await Promise.all([far.start(birdConfig("ab")), dut.start()]);
  await dut.untilEstablished("a", "b");
  await Promise.all([far.untilLearned("a", ...PREFIXES), far.untilLearned("b", ...PREFIXES)]);
  return { dut, far };
}

async function updatesSent(dut: Operator, name: string): Promise<number> {
  return (await dut.peer(name)).messages.sent.update;
}

describe("a changed configuration", { concurrency: CONCURRENCY }, () => {
  staged("policies: exactly the difference goes over the wire and no session is reset", PLAN, async (stage) => {
    const { dut, far } = await twoSessions(stage);
    const since = [await far.since("a"), await far.since("b")];
    const before = await updatesSent(dut, "a");
    const rules = (more: object[]) => ({ ...MAIN, policies: { out: [...more, ...MAIN.policies.out] } });

    await dut.write("main.yaml", rules([{ match: { prefixes: PREFIXES[1] }, action: "reject" }]));
    await Promise.all(["a", "b"].map((name) => far.untilLearned(name, PREFIXES[0], PREFIXES[2])));
    assert.equal(await updatesSent(dut, "a"), before + 1, "one withdrawal");
    assert.match((await dut.explain(PREFIXES[1], "a")).to!.stoppedBy!.reason, /rule 1 of "out"/);

    await dut.write("main.yaml", rules([{ match: { prefixes: PREFIXES[0] }, set: { med: 7 }, action: "continue" }]));
    await far.until("the changed and the returned route", async () => {
      const all = await far.learned("a");
      return all.length === 3 && (await far.route(PREFIXES[0])).includes("BGP.med: 7");
    });
    assert.equal(await updatesSent(dut, "a"), before + 3, "one set changed, one prefix came back");
    assert.doesNotMatch(await far.route(PREFIXES[2]), /BGP.med: 7/);

    // What changes nothing that a peer sees sends nothing.
    await dut.write("peers/a.yaml", peer("a", 2, { description: "Switch A" }));
    await dut.until("a further generation", async () => (await dut.status()).configuration.generation === 4);
    // Import: what came is judged again without asking the peer.
    const received = (await dut.peer("a")).messages.received.update;
    await dut.write("main.yaml", {
      ...rules([{ match: { prefixes: PREFIXES[0] }, set: { med: 7 }, action: "continue" }]),
      policies: {
        out: [{ match: { prefixes: PREFIXES[0] }, set: { med: 7 }, action: "continue" }, ...MAIN.policies.out],
        in: [{ match: { prefixes: "10.2.1.0/24" }, action: "reject" }, { action: "accept" }],
      },
    });
    await dut.write("peers/a.yaml", peer("a", 2, { import: "in" }));
    await dut.write("peers/b.yaml", peer("b", 3, { import: "in" }));
    await dut.until("the route gone from the kernel", async () => {
      const text = await dut.node.ip("route");
      return text.includes("10.2.0.0/24") && !text.includes("10.2.1.0/24");
    });
    const lost = (await dut.explain("10.2.1.0/24")).losers;
    assert.deepEqual(new Set(lost.map((loser) => loser.step)), new Set(["rejected"]));
    assert.equal((await dut.peer("a")).messages.received.update, received, "the peer was not asked again");
    await dut.write("peers/a.yaml", peer("a", 2));
    await dut.until("the route back", async () => (await dut.node.ip("route")).includes("10.2.1.0/24"));

    assert.equal(await updatesSent(dut, "a"), before + 3);
    assert.deepEqual([await far.since("a"), await far.since("b")], since, "BIRD saw no session go");
  });

  staged("preview: BIRD and the kernel see what was foretold", PLAN, async (stage) => {
    const { dut, far } = await twoSessions(stage);
    const next = join(dirname(dut.config), "next.yaml");
    const out = [{ match: { prefixes: PREFIXES[1] }, action: "reject" }, ...MAIN.policies.out];
    const peers = [peer("a", 2), peer("b", 3, { timers: { ...QUICK, hold: "6s" } })];
    const statics = [...MAIN.static, { prefix: "10.2.1.0/24", blackhole: true }];
    await writeFile(next, JSON.stringify({ ...MAIN, policies: { out }, static: statics, peers }));
    const since = [await far.since("a"), await far.since("b")];
    const said = await dut.cli("preview", next, "--socket", dut.socket, "-o", "json");
    assert.equal(said.code, 0, said.stderr);
    const { sessions, now, later } = JSON.parse(said.stdout) as PreviewAnswer;
    assert.deepEqual(
      sessions.map(({ peer: name, effect, because, returns }) => [name, effect, because, returns]),
      [["b", "resets", ["timers.hold"], true]],
    );
    const told = (moves: RoutesPreview) =>
      moves.peers.map(({ peer: name, rows }) => [name, rows.map((row) => [row.prefix, row.after !== null])]);
    // To a the new static route too; b has a session no more.
    assert.deepEqual(told(now)[0], [
      "a",
      [
        [PREFIXES[1], false],
        ["10.2.1.0/24", true],
      ],
    ]);
    const after = later!.kernel.rows.map((row) => `${row.prefix} ${row.after}`);
    assert.deepEqual(after, ["10.2.1.0/24 blackhole"]);

    await dut.write("peers/b.yaml", peers[1]!);
    await dut.write("main.yaml", { ...MAIN, policies: { out }, static: statics });
    await far.until(
      "a new session",
      async () => /^\d/.test(await far.since("b")) && (await far.since("b")) !== since[1],
    );
    await dut.untilEstablished("a", "b");
    for (const name of ["a", "b"])
      await far.until(`what ${name} is told`, async () => {
        const learned = await far.learned(name);
        return learned.length === 3 && !learned.includes(PREFIXES[1]) && learned.includes("10.2.1.0/24");
      });
    assert.equal(await far.since("a"), since[0]);
    await dut.until("the kernel's route", async () => (await dut.node.ip("route")).includes("blackhole 10.2.1.0/24"));
    assert.match((await dut.cli("preview", next, "--socket", dut.socket)).stdout, /^Nothing changes/);
  });

  staged("peers: only the session whose own parameters changed is reset", PLAN, async (stage) => {
    const { dut, far } = await twoSessions(stage);
    const sinceB = await far.since("b");

    let since = await far.since("a");
    await dut.write("peers/a.yaml", peer("a", 2, { timers: { ...QUICK, hold: "6s" } }));
    await far.until("a new session", async () => /^\d/.test(await far.since("a")) && (await far.since("a")) !== since);
    await dut.untilEstablished("a");
    assert.equal((await dut.peer("a")).negotiated!.holdSeconds, 6);
    assert.equal(await far.since("b"), sinceB);

    // An ASN that the peer does not have: down with a reason; the right one again: up.
    await dut.write("peers/a.yaml", peer("a", 2, { asn: 65009 }));
    await dut.until("the reason", async () =>
      /peer is AS 65002, expected AS 65009/.test((await dut.peer("a")).reason ?? ""),
    );
    await dut.until("a is down", async () => (await dut.peer("a")).state !== "established");
    await dut.write("peers/a.yaml", peer("a", 2));
    await dut.untilEstablished("a");

    // What a live session takes over.
    since = await far.since("a");
    await dut.write(
      "peers/a.yaml",
      peer("a", 2, { description: "Switch A", timers: { ...QUICK, connectRetry: "3s" } }),
    );
    await dut.until("the description", async () => (await dut.peer("a")).description === "Switch A");
    assert.equal(await far.since("a"), since);

    // A file more and a file less.
    await far.configure(birdConfig("abc"));
    await dut.write("peers/c.yaml", [peer("c", 4)]);
    await dut.untilEstablished("c");
    await far.untilLearned("c", ...PREFIXES);
    await dut.remove("peers/c.yaml");
    await dut.until("c is forgotten", async () => (await dut.peers()).length === 2);
    await far.untilLearned("c");
    await far.until("the reason of the end", async () => /c: Received: .*de-?configured/i.test(await far.log()));
    assert.equal(await far.since("a"), since);
    assert.equal(await far.since("b"), sinceB);

    // Another router ASN resets all.
    await dut.write("main.yaml", { ...MAIN, router: { ...MAIN.router, asn: 65003 } });
    await far.configure(birdConfig("ab").replaceAll("as 65001", "as 65003"));
    await dut.untilEstablished("a", "b");
    assert.match(await far.route(PREFIXES[0]), /BGP.as_path: 65003/);
  });

  staged(
    "keys: a peer with one joins a live listener, and one changed in its file is replaced on its session only",
    PLAN,
    async (stage) => {
      const { dut, far } = await twoSessions(stage);
      const since = [await far.since("a"), await far.since("b")];
      const keyFile = join(dut.config, "..", "c.key");
      await writeFile(keyFile, "first-key\n", { mode: 0o600 });
      const withKey = (key: string) => birdConfig("abc", { c: `password "${key}";` });
      // BIRD connects: we wait for it.
      await dut.write("peers/c.yaml", peer("c", 4, { passive: true, passwordFile: keyFile }));
      await far.configure(withKey("first-key"));
      await dut.untilEstablished("c");
      await far.untilLearned("c", ...PREFIXES);
      assert.equal((await dut.peer("c")).authentication, "md5");

      const old = await far.since("c");
      await writeFile(`${keyFile}.new`, "second-key\n", { mode: 0o600 });
      await rename(`${keyFile}.new`, keyFile);
      await dut.until("the change", async () => (await dut.peer("c")).key?.changedWhileEstablished);
      assert.deepEqual([(await dut.peer("c")).lost, await far.since("c")], [0, old]);
      // BIRD ends its session for a new key: ours is there to take the next one.
      await far.configure(withKey("second-key"));
      await dut.until("c is back", async () => (await dut.peer("c")).established === 2);
      await far.untilLearned("c", ...PREFIXES);
      // The same key written anew is no change.
      const established = await far.since("c");
      const { generation } = (await dut.status()).configuration;
      await writeFile(keyFile, "second-key");
      await dut.write("peers/a.yaml", peer("a", 2, { description: "next generation" }));
      await dut.until("the next generation", async () => (await dut.status()).configuration.generation > generation);
      assert.equal(await far.since("c"), established);

      // A key file that is gone changes nothing and is said.
      await rename(keyFile, `${keyFile}.away`);
      await dut.until("the refusal", async () => (await dut.status()).configuration.rejected?.includes("c.key"));
      assert.equal((await dut.peer("c")).state, "established");
      await rename(`${keyFile}.away`, keyFile);
      await dut.until("no refusal", async () => (await dut.status()).configuration.rejected === null);
      assert.equal(await far.since("c"), established);
      assert.deepEqual([await far.since("a"), await far.since("b")], since);
      const everything = [await dut.log(), JSON.stringify([await dut.peers(), await dut.status()])].join("\n");
      assert.doesNotMatch(everything, /first-key|second-key/);
    },
  );

  staged(
    "a bad file changes nothing, is said with file and line, and the next good one applies",
    PLAN,
    async (stage) => {
      const { dut, far } = await twoSessions(stage);
      const since = [await far.since("a"), await far.since("b")];
      const { generation } = (await dut.status()).configuration;
      const good = await readFile(join(dut.config, "peers/a.yaml"), "utf8");
      const lines = (...words: string[]) => `${words.join("\n")}\n`;
      const head = ["name: a", "address: 10.0.0.2", "asn: 65002"];
      const bad: [string, string, RegExp][] = [
        ["syntax", lines(...head, "timers: { hold: 9s"), /peers\/a\.yaml:\d+/],
        ["unknown key", lines(...head, "improt: accept"), /peers\/a\.yaml:4.*improt.*`?import`?/],
        ["unknown policy", lines(...head, "import: acept", "export: out"), /peers\/a\.yaml:4.*acept.*accept/],
        [
          "two peers that cannot be told apart",
          lines("name: a", "address: 10.0.0.3", "localAddress: 10.0.0.13", "asn: 65002"),
          /peers\/[ab]\.yaml:\d+/,
        ],
        [
          "different keys for one address",
          lines(
            "- name: a",
            "  address: 10.0.0.2",
            "  asn: 65002",
            "  localAddress: 10.0.0.12",
            "  password: x",
            "- name: a2",
            "  address: 10.0.0.2",
            "  asn: 65002",
            "  localAddress: 10.0.0.13",
          ),
          /peers\/a\.yaml:\d+/,
        ],
        ["truncated", good.slice(0, good.length / 2), /peers\/a\.yaml:\d+/],
        ["two of one name", lines("name: b", "address: 10.0.0.2", "asn: 65002"), /peers\/[ab]\.yaml:\d+.*b/],
        ["not of this world", lines(...head, "asn: 0"), /peers\/a\.yaml:\d+/],
      ];
      for (const [what, text, said] of bad) {
        await dut.write("peers/a.yaml", text);
        await dut.until(`${what}: refused`, async () => said.test((await dut.status()).configuration.rejected ?? ""));
        const { code, stdout } = await dut.cli("check", dut.config);
        assert.equal(code, 1, what);
        assert.match(stdout, said, what);
        await dut.untilLogged(new RegExp(said.source));
        assert.equal((await dut.status()).configuration.generation, generation, what);
      }
      const shown = await dut.cli("show", "status", "--socket", dut.socket);
      assert.match(shown.stdout, /peers\/a\.yaml/);
      assert.deepEqual([await far.since("a"), await far.since("b")], since);
      assert.deepEqual(await far.learned("a"), [...PREFIXES]);

      // One good and one bad file: nothing of both; then all at once.
      await dut.write("main.yaml", { ...MAIN, static: MAIN.static.slice(1) });
      dut.signal("SIGHUP");
      await dut.write("peers/a.yaml", good);
      await far.untilLearned("a", PREFIXES[1], PREFIXES[2]);
      const after = (await dut.status()).configuration;
      assert.equal(after.rejected, null);
      assert.deepEqual([await far.since("a"), await far.since("b")], since);
    },
  );

  staged("every way of putting files in place is noticed, and SIGHUP reads too", PLAN, async ({ daemon, bird }) => {
    const dut = await daemon("dut");
    const far = bird("far");
    // A mounted ConfigMap: files are links through `..data`, and a new version is one rename of that link.
    const version = async (name: string, statics: readonly string[]) => {
      const folder = join(dut.config, `..${name}`);
      await mkdir(folder, { recursive: true });
      const main = { ...MAIN, static: statics.map((prefix) => ({ prefix, blackhole: true })) };
      await writeFile(join(folder, "main.yaml"), JSON.stringify(main));
      await symlink(`..${name}`, join(dut.config, "..data_tmp"));
      await rename(join(dut.config, "..data_tmp"), join(dut.config, "..data"));
    };
    await version("v1", [PREFIXES[0]]);
    await symlink("..data/main.yaml", join(dut.config, "main.yaml"));
    await dut.write("peers/a.yaml", peer("a", 2));
    await Promise.all([far.start(birdConfig("a")), dut.start()]);
    await far.untilLearned("a", PREFIXES[0]);
    const since = await far.since("a");
    await version("v2", [PREFIXES[1]]);
    await far.untilLearned("a", PREFIXES[1]);
    await version("v3", PREFIXES);
    await far.untilLearned("a", ...PREFIXES);

    // In place, as `echo >` and some editors do; and a rename over it.
    const extra = { policies: { out: [{ match: { prefixes: PREFIXES[0] }, action: "reject" }] } };
    const main = { ...MAIN, policies: { none: [{ action: "reject" }] } };
    await writeFile(join(dut.config, "..v3", "main.yaml"), JSON.stringify(main));
    await dut.write("policies.yaml", extra);
    await far.untilLearned("a");
    await writeFile(join(dut.config, "policies.yaml"), JSON.stringify({ policies: MAIN.policies }));
    await far.untilLearned("a", ...PREFIXES);
    await dut.write("policies.yaml", { policies: { out: [{ match: { prefixes: PREFIXES[2] }, action: "accept" }] } });
    await far.untilLearned("a", PREFIXES[2]);
    // SIGHUP with nothing new is no generation.
    const { generation } = (await dut.status()).configuration;
    dut.signal("SIGHUP");
    await dut.write("policies.yaml", { policies: MAIN.policies });
    dut.signal("SIGHUP");
    await far.untilLearned("a", ...PREFIXES);
    assert.equal((await dut.status()).configuration.generation, generation + 1);
    assert.equal(await far.since("a"), since);
  });

  staged("listeners: an address added, moved and removed, while sessions stay", PLAN, async ({ daemon, bird }) => {
    const dut = await daemon("dut");
    const far = bird("far");
    const listen = (...addresses: string[]) => ({
      ...MAIN,
      router: { ...MAIN.router, listen: addresses.map((address) => ({ address, port: 179 })) },
    });
    await dut.write("main.yaml", listen("10.0.0.12"));
    await dut.write("peers/a.yaml", peer("a", 2, { passive: true }));
    await dut.write("peers/b.yaml", peer("b", 3, { passive: true }));
    await far.start(birdConfig("ab"));
    await dut.start();
    await dut.untilEstablished("a");
    const since = await far.since("a");
    await dut.write("main.yaml", listen("10.0.0.12", "10.0.0.13"));
    await dut.untilEstablished("b");
    await dut.write("main.yaml", listen("10.0.0.13"));
    await poll("nothing listens at 10.0.0.12", async () => {
      const { stdout } = await dut.node.exec(["cat", "/proc/net/tcp"]);
      return !stdout.includes("0C00000A:00B3 00000000:0000 0A");
    });
    assert.equal(await far.since("a"), since, "an established session does not need its listener");
    assert.deepEqual(
      (await dut.peers()).map((each) => each.state),
      ["established", "established"],
    );
  });
});
