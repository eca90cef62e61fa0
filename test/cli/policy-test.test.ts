import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { PolicyTestAnswer } from "../../src/control/policy-test.ts";
import { call } from "./program.ts";

const CONFIG = `router: { asn: 64512 }
policies:
  inner: [{ match: { communities: "64512:*" }, set: { removeCommunities: "64512:*", med: 5 }, action: continue }]
  in:
    - { match: { prefixes: 10.9.0.0/16 le 32 }, action: reject }
    - { call: inner }
    - { match: { asPath: { startsWith: 65001 } }, set: { localPref: 150 }, action: accept }
  fib: [{ match: { metric: none }, set: { metric: 7, device: tunl0 }, action: accept }]
kernel: { export: fib }
peers:
  - { name: tor-a, address: 10.0.0.2, asn: 65001, import: in, export: accept }
  - { name: node, address: 10.0.0.3, asn: 64512 }
  - { name: bare, address: 10.0.0.4, asn: 65004, description: Nobody }
  - { name: rack, prefix: 10.1.0.0/24, asn: 65005, import: in, export: accept }
`;

describe("calidris policy test", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-policy-"));
  const config = join(folder, "calidris.yaml");
  writeFileSync(config, CONFIG);
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) => call(["policy", "test", "--config", config, ...args]);
  const route = (more: object) => ["--route", JSON.stringify({ prefix: "10.1.0.0/16", ...more })];
  const IMPORT = ["--direction", "import", "--peer", "tor-a"];

  it("prints the verdict, what is changed, and each rule that was looked at", async () => {
    const { code, stdout, stderr } = await run(
      ...IMPORT,
      ...route({ asPath: "65001 65002", communities: ["64512:1", "1:1"] }),
    );
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(
      stdout,
      `10.1.0.0/16: accept, by rule 3 of "in"
  localPref: none -> 150
  med: none -> 5
  communities: 64512:1 1:1 -> 1:1
  in, rule 1: does not match: prefix is 10.1.0.0/16; the rule wants 10.9.0.0/16 le 32
  in, rule 2: matches: calls inner
    inner, rule 1: matches, sets med 5, removeCommunities 64512:*: continue
  in, rule 3: matches, sets localPref 150: accept
`,
    );
  });

  it("finds a peer by name, address and description, and dynamic neighbours as their range or by name", async () => {
    for (const peer of ["tor-a", "10.0.0.2", "Nobody", "rack", "rack-10.1.0.7"])
      assert.equal((await run("--direction", "import", "--peer", peer, ...route({}))).code, 0, peer);
    for (const peer of ["rack-10.2.0.7", "10.0.0.9"])
      assert.equal((await run("--direction", "import", "--peer", peer, ...route({}))).code, 3, peer);
  });

  it("says where a route was rejected, and that it is no fault", async () => {
    const rejected = await run(...IMPORT, ...route({ prefix: "10.9.1.0/24" }));
    assert.match(rejected.stdout, /^10\.9\.1\.0\/24: reject, by rule 1 of "in"\n/);
    const ended = await run(...IMPORT, ...route({}));
    assert.match(ended.stdout, /^10\.1\.0\.0\/16: reject, by the end of "in": no rule accepts it\n/);
    assert.deepEqual([rejected.code, ended.code], [0, 0]);
  });

  it("with --expect ends with 5 where a verdict is the other one", async () => {
    const accepted = route({ asPath: 65001 });
    assert.equal((await run(...IMPORT, ...accepted, "--expect", "accept")).code, 0);
    assert.equal((await run(...IMPORT, ...accepted, "--expect", "reject")).code, 5);
    assert.equal((await run(...IMPORT, ...accepted, ...route({}), "--expect", "accept")).code, 5);
  });

  it("knows what goes without a policy, and which rules stand beside it", async () => {
    const answer = async (...args: string[]) =>
      (JSON.parse((await run(...args, "-o", "json")).stdout) as PolicyTestAnswer[])[0]!;
    const bare = await answer("-d", "import", "-p", "bare", ...route({}));
    assert.deepEqual(
      [bare.verdict, bare.reason],
      ["reject", "no import policy is configured, and external peers need one (RFC 8212)"],
    );
    const node = await answer("-d", "export", "-p", "node", ...route({ peer: "node", communities: "no-advertise" }));
    assert.equal(node.verdict, "accept");
    assert.deepEqual(node.fixedRules, [
      "it carries NO_ADVERTISE",
      "it came from an internal peer that is no client of ours, and so does not go to another one",
      "it came from this peer",
    ]);
    const exported = await answer("-d", "export", "-p", "tor-a", ...route({ communities: "no-export" }));
    assert.deepEqual(exported.fixedRules, ["it carries NO_EXPORT and the peer is external"]);
    const looped = await answer(...IMPORT, ...route({ asPath: "65001 64512" }));
    assert.deepEqual(looped.fixedRules, ["our own AS 64512 is in its AS_PATH"]);
    const kernel = await answer("-d", "kernel", ...route({ source: "direct" }));
    assert.deepEqual(kernel.fixedRules, ["a best route of source direct is the kernel's own and never written back"]);
    assert.deepEqual(kernel.changes, [
      { attribute: "metric", before: null, after: 7 },
      { attribute: "device", before: null, after: "tunl0" },
    ]);
  });

  it("reads many routes of a file: an array, lines, or what show routes prints", async () => {
    const file = join(folder, "routes");
    const prefixes = async (text: string) => {
      writeFileSync(file, text);
      const { stdout, stderr } = await run(...IMPORT, "--routes", file, "-o", "json");
      assert.equal(stderr, "");
      return (JSON.parse(stdout) as PolicyTestAnswer[]).map(({ prefix, verdict }) => [prefix, verdict]);
    };
    const two = [
      { prefix: "10.1.0.0/16", asPath: [65001] },
      { prefix: "10.2.0.0/16", asPath: [65002] },
    ];
    const expected = [
      ["10.1.0.0/16", "accept"],
      ["10.2.0.0/16", "reject"],
    ];
    assert.deepEqual(await prefixes(JSON.stringify(two)), expected);
    assert.deepEqual(await prefixes(`${two.map((each) => JSON.stringify(each)).join("\n\n")}\n`), expected);
    const path = {
      best: true,
      source: "bgp",
      peer: "tor-a",
      asPath: "65001",
      med: null,
      metric: null,
      via: [{ gateway: null, interface: "eth0" }],
      rejected: null,
    };
    const shown = { prefix: "10.1.0.0/16", family: "ipv4", path, paths: [path], kernel: {} };
    assert.deepEqual(await prefixes(JSON.stringify([shown])), [expected[0]]);
    assert.deepEqual(await prefixes(JSON.stringify([{ ...shown, path: undefined }])), [expected[0]]);
  });

  const faults: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ["no route", IMPORT, 2, /^nothing to test: give --route JSON or --routes FILE\n$/],
    ["no peer", ["--direction", "import", ...route({})], 2, /^--direction import needs --peer NAME\n$/],
    [
      "a peer for the kernel",
      ["-d", "kernel", "-p", "tor-a", ...route({})],
      2,
      /^--direction kernel goes without --peer/,
    ],
    [
      "an unknown peer",
      ["-d", "export", "-p", "tor-b", ...route({})],
      3,
      /^no peer "tor-b" in the configuration; did you mean `tor-a`\?\n$/,
    ],
    ["text that is no JSON", [...IMPORT, "--route", "{prefix"], 2, /^--route is no JSON: /],
    [
      "a key that is not there",
      [...IMPORT, ...route({ asnPath: 1 })],
      2,
      /^--route: asnPath: unknown key `asnPath`; did you mean `asPath`\?\n$/,
    ],
    [
      "a value that is not right",
      [...IMPORT, ...route({ asPath: "65001 {65002" })],
      2,
      /^--route: asPath: expected an AS path such as/,
    ],
    ["a route without prefix", [...IMPORT, "--route", "{}"], 2, /^--route: prefix: missing key `prefix`/],
    [
      "one of several routes",
      [...IMPORT, ...route({}), ...route({ med: -1 })],
      2,
      /^--route 2: med: expected a whole number/,
    ],
    ["a file that is not there", [...IMPORT, "--routes", "/nowhere"], 2, /^--routes \/nowhere cannot be read: ENOENT/],
  ];
  for (const [what, args, code, message] of faults)
    it(`refuses ${what}`, async () => {
      const found = await run(...args);
      assert.deepEqual([found.code, found.stdout], [code, ""], found.stderr);
      assert.match(found.stderr, message);
    });

  it("refuses a configuration with a fault, with file and line", async () => {
    const bad = join(folder, "bad.yaml");
    writeFileSync(bad, "router: { asn: 1 }\npolicies:\n  a: [{ call: b }]\n  b: [{ call: a }]\n");
    const { code, stderr } = await call(["policy", "test", "-c", bad, "-d", "kernel", ...route({})]);
    assert.equal(code, 1);
    assert.match(stderr, /bad\.yaml:3: policies\.a\[0\]\.call: a policy cannot call itself: a calls b calls a\n/);
  });
});
