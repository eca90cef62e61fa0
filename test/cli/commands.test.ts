import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import type { AdminCommand } from "../../src/control/admin-command.ts";
import type { PeerAnswer, RouteAnswer } from "../../src/control/answers.ts";
import { createControlHandler } from "../../src/control/handler.ts";
import { serveControl } from "../../src/io/system/control-server.ts";
import type { SocketServer } from "../../src/io/system/unix-socket.ts";
import { fakeView, PEERS, ROUTES } from "../control/fixtures.ts";
import { call, start } from "./program.ts";

describe("the command line beside a daemon", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-cli-"));
  const socket = join(folder, "control.sock");
  let server: SocketServer;
  const ordered: AdminCommand[] = [];
  const env = { CALIDRIS_SOCKET: socket };

  before(async () => {
    server = await serveControl(
      socket,
      createControlHandler(fakeView(), setImmediate, (order) => void ordered.push(order)),
      { log: () => {} },
    );
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await call(args, { env });
    assert.deepEqual([code, stderr], [0, ""], stdout);
    return stdout;
  };

  it("prints the same tables whatever other speakers call them", async () => {
    const table = await ok("show", "peers");
    assert.match(table, /^NAME +ADDRESS +AS +STATE/);
    for (const words of [["neighbors"], ["neighbor"], ["protocols"], ["bgp", "summary"], ["bgp"]])
      assert.equal(await ok("show", ...words), table, words.join(" "));
  });

  it("keeps to COLUMNS, and prints everything into a pipe", async () => {
    const narrow = await call(["show", "peers"], { env: { ...env, COLUMNS: "80" } });
    for (const line of narrow.stdout.split("\n")) assert.ok(line.length <= 80, line);
    assert.match(await ok("show", "peers"), /or the peer does not know our address/);
  });

  it("prints JSON and YAML of the same value, with every key", async () => {
    const json = JSON.parse(await ok("show", "peers", "-o", "json")) as PeerAnswer[];
    assert.deepEqual(
      json.map((peer) => peer.name),
      ["tor-b", "tor-a", "rr"],
    );
    assert.deepEqual(Object.keys(json[1]!), Object.keys(PEERS[0]!));
    assert.deepEqual(parse(await ok("show", "peers", "-o", "yaml")), json);
    const routes = JSON.parse(await ok("show", "routes", "-o", "json")) as RouteAnswer[];
    assert.deepEqual(routes.map((route) => route.prefix).toSorted(), ROUTES.map((route) => route.prefix).toSorted());
  });

  it("gives orders, and says what happens", async () => {
    assert.match(await ok("disable", "tor-a", "--text", "bis morgen"), /^tor-a is disabled until it is enabled/);
    await ok("restart", "10.99.0.254");
    await ok("undrain");
    assert.deepEqual(JSON.parse(await ok("drain", "-o", "json")), {
      action: "drain",
      peer: null,
      message: "routes are announced with GRACEFUL_SHUTDOWN from now on; calidris undrain takes that back",
    });
    assert.match(await ok("shutdown", "--drain", "2m", "--text", "bye"), /ends in 120 s/);
    assert.deepEqual(ordered.splice(0), [
      { action: "disable", peer: "tor-a", text: "bis morgen" },
      { action: "restart", peer: "tor-a" },
      { action: "drain", on: true },
      { action: "shutdown", drainMs: 120_000, text: "bye" },
    ]);
    const unknown = await call(["enable", "tor-aa"], { env });
    assert.deepEqual([unknown.code, unknown.stdout], [3, ""]);
    assert.match(unknown.stderr, /did you mean "tor-a"/);
    assert.equal((await call(["disable"], { env })).code, 2);
    assert.equal((await call(["shutdown", "--drain", "soon"], { env })).code, 2);
    assert.equal((await call(["refresh", "rr"], { env })).code, 1);
    assert.deepEqual(ordered, []);
  });

  it("prints names alone, and no headings when told", async () => {
    assert.equal(await ok("show", "peers", "-o", "name"), "tor-b\ntor-a\nrr\n");
    assert.doesNotMatch(await ok("show", "peers", "--no-headers"), /ADDRESS/);
    assert.equal(await ok("show", "routes", "10.9.0.9", "-o", "name"), "10.9.0.0/24\n");
  });

  it("colours state words only when told so here, where there is no terminal", async () => {
    assert.ok(!(await ok("show", "peers")).includes("\u001b"));
    assert.ok((await ok("show", "peers", "--color")).includes("\u001b[32mEstablished"));
  });

  it("shows routes in and out of a peer, and the status", async () => {
    assert.match(await ok("show", "routes", "in", "tor-b"), /10\.9\.0\.0\/16 +rejected/);
    assert.match(await ok("show", "routes", "out", "tor-a"), /10\.10\.0\.0\/16/);
    assert.match(await ok("show", "status"), /AS 64512/);
    const nothing = await call(["show", "routes", "in", "rr", "--family", "ipv4", "--limit", "1"], { env });
    assert.match(nothing.stdout, /unreachable/);
  });

  it("explains a route and a peer", async () => {
    assert.match(await ok("explain", "route", "10.9.0.0/16"), /^10\.9\.0\.0\/16\n\nBest: from tor-a/);
    assert.match(
      await ok("explain", "route", "10.9.0.0/16", "to", "rack 2"),
      /To tor-b: not announced, stopped by session/,
    );
    assert.match(await ok("explain", "peer", "10.99.0.9"), /^tor-b .*rack 2[\s\S]*Next attempt in 4 s/);
    assert.equal((JSON.parse(await ok("explain", "route", "10.9.0.0/16", "-o", "json")) as { to: null }).to, null);
  });

  const failures: readonly [string, number, RegExp][] = [
    ["show peers tor-aa", 3, /^no peer "tor-aa"; did you mean "tor-a" \(10\.99\.0\.254\)\?\n$/],
    ["show routes 192.0.2.1", 3, /^no route for 192\.0\.2\.1\n$/],
    ["show routes 10.0.0.1/8", 2, /did you mean `10\.0\.0\.0\/8`/],
    ["show routes in", 2, /whose routes\? Say: show routes in PEER/],
    ["show routes 10.0.0.0/8 more", 2, /unexpected `more`/],
    ["show peers --bogus", 2, /Unknown argument: bogus/],
    ["show peers -o xml", 2, /Choices: "table", "wide", "json", "yaml", "name"/],
    ["show peers -w -o yaml", 2, /use -o json or a table/],
    ["show", 2, /show what\?/],
    ["shwo", 2, /Did you mean show\?/],
    ["", 2, /a command is missing/],
    ["run", 2, /--config PATH/],
    ["explain route 10.9.0.0/16 for rr", 2, /say: explain route PREFIX to PEER/],
    ["explain route 10.77.0.0/16", 3, /^no route for 10\.77\.0\.0\/16/],
    ["completion fish", 2, /Choices: "bash", "zsh"/],
    ["run --config /nowhere/at/all", 1, /^\/nowhere\/at\/all: cannot read the file: there is none\n$/],
    [
      "show peers --socket /nowhere/control.sock",
      4,
      /^No daemon at \/nowhere\/control\.sock: .*calidris run --config PATH/,
    ],
    ["show peers --check", 5, /^$/],
  ];
  for (const [line, code, message] of failures)
    it(`ends \`calidris ${line}\` with ${code} and says why, without a stack`, async () => {
      const found = await call(
        line.split(" ").filter((word) => word !== ""),
        { env },
      );
      assert.equal(found.code, code, found.stdout + found.stderr);
      assert.match(found.stderr, message);
      assert.doesNotMatch(found.stderr, /\n {4}at |node:internal/);
    });

  it("prints only changes with -w where there is no terminal", async () => {
    const child = start(["show", "peers", "-w", "-o", "json"], { env });
    let text = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.split("\n").length > PEERS.length) resolve();
      });
    });
    child.kill();
    assert.deepEqual(
      text
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as PeerAnswer).name),
      ["tor-b", "tor-a", "rr"],
    );
  });

  it("completes commands, options and their values, and live names", async () => {
    const complete = async (...words: string[]) =>
      (await ok("--get-completions", "calidris", ...words)).trim().split("\n");
    assert.deepEqual(await complete(""), [
      ...["run", "confgen", "node", "check", "preview", "policy", "shadow", "convert", "show", "explain"],
      ...["disable", "enable", "restart", "refresh", "drain", "undrain", "shutdown"],
      ...["demo", "completion"],
    ]);
    assert.deepEqual(await complete("show", "peers", "-o", ""), ["table", "wide", "json", "yaml", "name"]);
    assert.ok((await complete("run", "--")).includes("--config"));
    const names = ["rr", "tor-a", "tor-b"];
    for (const words of [
      ["show", "peers", ""],
      ["show", "peers", "-o", "wide", ""],
      ["show", "neighbor", "t"],
      ["show", "routes", "in", ""],
      ["explain", "peer", ""],
      ["disable", ""],
      ["refresh", "--in", ""],
      ["explain", "route", "10.0.0.0/8", "to", ""],
    ])
      assert.deepEqual((await complete(...words)).toSorted(), names, words.join(" "));
    assert.deepEqual(await complete("show", "routes", ""), ["in", "out"]);
    assert.deepEqual(await complete("explain", "route", "10.0.0.0/8", ""), ["to"]);
    assert.deepEqual(await complete("demo", ""), ["--help", "--version", "--once"]);
  });

  it("completes in silence where there is no daemon", async () => {
    const found = await call(["--get-completions", "calidris", "show", "peers", ""], {
      env: { CALIDRIS_SOCKET: "/nowhere/control.sock" },
    });
    assert.deepEqual([found.code, found.stdout, found.stderr], [0, "", ""]);
  });

  it("prints completion scripts that the shells can read", async () => {
    const script = await ok("completion", "bash");
    const file = join(folder, "completion.bash");
    writeFileSync(file, script);
    const { execFileSync } = await import("node:child_process");
    execFileSync("bash", ["-n", file]);
    assert.match(await ok("completion", "zsh"), /^#compdef calidris\n/);
    assert.equal((await call(["completion"], { env: { SHELL: "/bin/zsh" } })).stdout, await ok("completion", "zsh"));
  });

  it("says its version and helps", async () => {
    assert.match(await ok("--version"), /^\d+\.\d+\.\d+\n$/);
    assert.match(await ok("--help"), /calidris run[\s\S]*calidris check <path>[\s\S]*calidris demo/);
  });
});

describe("calidris check", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-check-"));
  const file = join(folder, "calidris.yaml");
  after(() => rmSync(folder, { recursive: true, force: true }));
  const check = (text: string, ...args: string[]) => {
    writeFileSync(file, text);
    return call(["check", file, ...args]);
  };
  const peer = "peers:\n  - { name: a, address: 10.0.0.2, asn: 65001, import: accept, export: accept }\n";

  it("ends with 0 and a summary for a good one", async () => {
    const found = await check(`router: { asn: 65000 }\n${peer}`);
    assert.deepEqual([found.code, found.stdout], [0, `${file}: good: 1 peer, AS 65000\n`]);
  });

  it("names every fault with file, line, key and the nearest valid one, and ends with 1", async () => {
    const found = await check(`router: { asm: 65000 }\n${peer.replace("import: accept", "import: acept")}`);
    assert.equal(found.code, 1);
    assert.match(found.stdout, /calidris\.yaml:1: .*unknown key `asm`; did you mean `asn`\?/);
    assert.match(found.stdout, /calidris\.yaml:3: .*`acept`; did you mean `accept`\?/);
    assert.match(found.stdout, /\d errors\n$/);
  });

  it("ends with 0 where there are only warnings, and lists them", async () => {
    const found = await check(`router: { asn: 65000 }\n${peer.replace(", export: accept", "")}`);
    assert.equal(found.code, 0);
    assert.match(found.stdout, /:3: warning: .*RFC 8212[\s\S]*1 warning\n$/);
  });

  it("has the same as JSON", async () => {
    const found = await check("router: { asm: 65000 }\n", "-o", "json");
    assert.equal(found.code, 1);
    const { ok, problems } = JSON.parse(found.stdout) as { ok: boolean; problems: { line: number }[] };
    assert.equal(ok, false);
    assert.equal(problems[0]!.line, 1);
  });

  it("never prints a password", async () => {
    const found = await check(`router: { asm: 65000 }\n${peer.replace("import:", 'password: "hush hush", import:')}`);
    assert.doesNotMatch(found.stdout + found.stderr, /hush/);
  });
});
