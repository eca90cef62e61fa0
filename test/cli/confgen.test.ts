import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { openGenerations } from "../../src/io/system/generations.ts";
import { temporaryFolder } from "../system/folder.ts";
import { type CallOptions, call, start } from "./program.ts";

const document = (kind: string, name: string, spec: object) =>
  `${JSON.stringify({ apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec })}\n`;
const node = (name: string, address: string) => document("Node", name, { bgp: { ipv4Address: address } });

/** A store of three nodes and a peer, and a folder for what is made of it. */
function cluster(t: TestContext) {
  const folder = temporaryFolder(t);
  const [store, out] = [join(folder, "store"), join(folder, "out")];
  mkdirSync(store);
  const put = (name: string, text: string) => writeFileSync(join(store, name), text);
  put("n1.json", node("n1", "10.0.0.1/24"));
  put("n2.json", node("n2", "10.0.0.2/24"));
  put("n3.json", node("n3", "10.0.0.3/24"));
  put("tor.json", document("BGPPeer", "tor", { node: "n1", peerIP: "192.0.2.1", asNumber: 65000 }));
  const env = { CALICO_ENDPOINT_STATUS_PATH_PREFIX: folder, CALIDRIS_SOCKET: join(folder, "control.sock") };
  const args = (...more: string[]) => [
    ...["confgen", "--datastore", "files", "--datastore-path", store, "--out", out],
    ...(more.includes("--node") ? [] : ["--node", "n1"]),
    ...more,
  ];
  const confgen = (...more: string[]) => call(args(...more), { env });
  return { folder, store, out, put, env, args, confgen };
}

const peers = (out: string) => readdirSync(join(out, "current", "peers")).sort();

describe("confgen --once", () => {
  it("writes a generation that check finds good, and nothing the second time", async (t) => {
    const { out, confgen } = cluster(t);
    const { code, stderr } = await confgen("--once");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /"event":"generation written"/);
    assert.deepEqual(peers(out), ["Mesh_10_0_0_2.yaml", "Mesh_10_0_0_3.yaml", "Node_192_0_2_1.yaml"]);
    const checked = await call(["check", join(out, "current")]);
    assert.equal(checked.code, 0, checked.stdout);
    assert.match(checked.stdout, /good: 3 peers, AS 64512\n$/);
    const inode = statSync(join(out, "current", "router.yaml")).ino;
    const again = await confgen("--once");
    assert.equal(again.code, 0);
    assert.match(again.stderr, /"event":"generation unchanged"/);
    assert.equal(statSync(join(out, "current", "router.yaml")).ino, inode);
  });

  for (const seconds of ["0", "-1", "soon", "9999999"])
    it(`does not take ${seconds} for a time`, async (t) => {
      const { out, confgen } = cluster(t);
      const { code, stderr } = await confgen("--once", `--timeout=${seconds}`);
      assert.deepEqual([code, existsSync(join(out, "current"))], [2, false]);
      assert.match(stderr, /--timeout takes seconds, more than 0 and at most 86400/);
    });

  it("says that our own Node is missing, with code 1, and leaves the last generation", async (t) => {
    const { out, confgen } = cluster(t);
    await confgen("--once");
    const { code, stderr } = await confgen("--once", "--node", "n9");
    assert.equal(code, 1);
    assert.match(stderr, /There is no configuration for node n9/);
    assert.equal(peers(out).length, 3);
    const other = await confgen("--once", "--node", "N1.example.com");
    assert.match(other.stderr, /There is a Node n1: is the name that was given wrong\?/);
  });

  it("says that the datastore cannot be read, with code 4, and why", async (t) => {
    const { out, put, confgen } = cluster(t);
    put("broken.yaml", "kind: BGPPeer\nmetadata: [\n");
    const { code, stderr } = await confgen("--once", "--timeout", "1");
    assert.equal(code, 4);
    assert.match(stderr, /could not be read within 1 s \(--timeout\): files: .*broken\.yaml:\d: not valid YAML/);
    assert.ok(!existsSync(join(out, "current")));
  });

  it("refuses a folder that another writes to", async (t) => {
    const { out, confgen } = cluster(t);
    const other = await openGenerations(out);
    t.after(() => other.close());
    const { code, stderr } = await confgen("--once");
    assert.equal(code, 1);
    assert.match(stderr, /another process \(\d+\) writes there/);
  });
});

describe("confgen --diff", () => {
  it("tells files, sessions that reset and why, peers that come and go, and writes nothing", async (t) => {
    const { out, put, confgen } = cluster(t);
    await confgen("--once");
    put("n3.json", node("n3", "10.0.0.4/24"));
    put("tor.json", document("BGPPeer", "tor", { node: "n1", peerIP: "192.0.2.1", asNumber: 65001 }));
    const { code, stdout, stderr } = await confgen("--diff");
    assert.equal(code, 0, stderr);
    assert.equal(
      stdout,
      [
        ...["Files:", "  - peers/Mesh_10_0_0_3.yaml", "  + peers/Mesh_10_0_0_4.yaml", "  ~ peers/Node_192_0_2_1.yaml"],
        ...["Sessions that reset: 1", "  Node_192_0_2_1 (asn)"],
        ...["Peers that come: 1", "  Mesh_10_0_0_4", "Peers that go: 1", "  Mesh_10_0_0_3", ""],
      ].join("\n"),
    );
    assert.match(stderr, /No daemon serves .*control\.sock: which routes would move is not told/);
    assert.deepEqual(peers(out), ["Mesh_10_0_0_2.yaml", "Mesh_10_0_0_3.yaml", "Node_192_0_2_1.yaml"]);
    assert.deepEqual(readdirSync(join(out, "generations")), ["1"]);
  });

  it("tells that nothing differs, and where there is no generation that all is new", async (t) => {
    const { confgen, out } = cluster(t);
    assert.match((await confgen("--diff")).stdout, /\+ router\.yaml[\s\S]*Sessions: all 3 are new\./);
    assert.ok(!existsSync(out));
    await confgen("--once");
    assert.equal((await confgen("--diff")).stdout, "No file differs.\nThe configuration says the same.\n");
  });
});

describe("confgen", () => {
  /** Follows until the test ends; `logged` resolves with the first line of an event that fits. */
  function following(t: TestContext, args: readonly string[], options: CallOptions) {
    const child = start(args, options);
    t.after(() => child.kill("SIGKILL"));
    let text = "";
    let wake: () => void = () => undefined;
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      wake();
    });
    const logged = async (pattern: RegExp) => {
      while (!pattern.test(text))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    return { child, logged };
  }

  it("follows the datastore, keeps the last generation while a file is half written, and ends with a signal", async (t) => {
    const { out, put, args, env } = cluster(t);
    const { child, logged } = following(t, args(), { env });
    await logged(/"number":1,.*generation written/);
    put("n4.json", node("n4", "10.0.0.4/24"));
    await logged(/"number":2,.*generation written/);
    assert.ok(peers(out).includes("Mesh_10_0_0_4.yaml"));
    put("n4.json", node("n4", "10.0.0.5/24").replace("}", "").replace("projectcalico", "\n["));
    await logged(/n4\.json:\d+: not valid YAML[\s\S]*datastore failing/);
    put("n5.json", node("n5", "10.0.0.6/24"));
    await logged(/"number":3,.*generation written/);
    assert.ok(peers(out).includes("Mesh_10_0_0_4.yaml"));
    put("n4.json", node("n4", "10.0.0.5/24"));
    await logged(/"number":4,.*generation written/);
    assert.ok(peers(out).includes("Mesh_10_0_0_5.yaml"));
    await logged(/datastore connected/);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("keeps the last generation where the datastore is away at the start", async (t) => {
    const { out, store, args, env, confgen } = cluster(t);
    await confgen("--once");
    const text = readFileSync(join(out, "current", "router.yaml"), "utf8");
    const away = args().map((word) => (word === store ? join(store, "away") : word));
    const { child, logged } = following(t, away, { env });
    await logged(/last generation/);
    await logged(/away: there is none.*datastore failing/);
    assert.equal(readFileSync(join(out, "current", "router.yaml"), "utf8"), text);
    mkdirSync(join(store, "away"));
    writeFileSync(join(store, "away", "n1.json"), node("n1", "10.0.0.1/24"));
    await logged(/"number":2,.*generation written/);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  for (const [what, args, pattern] of [
    ["no folder to read", ["--datastore", "files", "--node", "n1"], /needs --datastore-path/],
    ["no node", ["--datastore", "files", "--datastore-path", "/none"], /say --node NAME/],
    ["a time that is none", ["--node", "n1", "--once", "--timeout", "soon"], /--timeout wants a number of seconds/],
    ["an option without its value", ["--node", "n1", "--datastore"], /Not enough arguments following: datastore/],
    ["a path beside another datastore", ["--node", "n1", "--datastore-path", "/none"], /is for --datastore files/],
    ["no endpoint of etcd", ["--datastore", "etcdv3", "--node", "n1"], /ETCD_ENDPOINTS names no endpoint/],
    ["both ways to end", ["--datastore", "files", "--node", "n1", "--once", "--diff"], /say one of them/],
    ["a release that is none", ["--node", "n1", "--calico-version", "2.6"], /calico-version/],
  ] as const)
    it(`is refused with code 2 where it is told ${what}`, async (t) => {
      const { code, stderr } = await call(["confgen", "--out", join(temporaryFolder(t), "out"), ...args]);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
    });
});
