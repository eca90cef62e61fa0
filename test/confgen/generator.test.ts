import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CompileInput } from "../../src/confgen/compile/input.ts";
import type { StoredObject } from "../../src/confgen/datastore/datastore.ts";
import type { Finding } from "../../src/confgen/finding.ts";
import type { Compilation, GeneratedFile } from "../../src/confgen/generation.ts";
import { createGenerator } from "../../src/confgen/generator.ts";
import type { GeneratorOutput, Round } from "../../src/confgen/generator-ports.ts";
import { createMemoryStore, type MemoryStore } from "../datastore/memory-datastore.ts";
import { createVirtualClock } from "../fib/virtual-clock.ts";

const node = (name: string, ipv4Address: string): StoredObject => ({
  kind: "Node",
  name,
  object: { kind: "Node", metadata: { name }, spec: { bgp: { ipv4Address } } },
  origin: "test",
});
const OWN = node("n1", "10.0.0.1/24");
const ROUTER = "router: { asn: 64512, id: 10.0.0.1, listen: [] }\n";

/** No text at all, so that whoever reads it throws. */
const UNREADABLE = 7 as unknown as string;

/** A peer for each other node; a Node's label `secret` names what it needs. */
function compileMesh({ resources, node: own }: CompileInput): Compilation {
  const nodes = [...resources.Node.values()].flatMap(({ value }) => value ?? []);
  if (nodes.some(({ name }) => name === "boom")) throw new Error("boom");
  const findings: Finding[] = [];
  const files: GeneratedFile[] = [{ path: "router.yaml", text: ROUTER, secret: false }];
  if (nodes.some(({ name }) => name === "unreadable")) files.push({ path: "x.yaml", text: UNREADABLE, secret: false });
  for (const { name, bgp, labels } of nodes) {
    if (name === own) continue;
    const secret = labels.secret && resources.Secret.get(labels.secret.replace("_", "/"));
    const held = labels.secret && !secret ? "disabled: true\n" : "";
    if (held) findings.push({ severity: "error", code: "password-missing", resource: `Node/${name}`, message: "held" });
    const address = bgp?.ipv4?.address ?? "nonsense";
    files.push({
      path: `peers/${name}.yaml`,
      text: `name: ${name}\naddress: ${address}\nasn: 64512\n${held}`,
      secret: false,
    });
  }
  const secrets = nodes.flatMap(({ labels }) => (labels.secret ? labels.secret.replace("_", "/") : []));
  const services = nodes.some(({ labels }) => labels.services === "true");
  const generation = nodes.some(({ name }) => name === own) && {
    files: files.sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  return { ...(generation && { generation }), findings, secrets, services };
}

interface Lines {
  level: string;
  event: string;
  fields: Readonly<Record<string, unknown>>;
}

function world(before: readonly StoredObject[] = [OWN], options: { taking?: () => Promise<void> } = {}) {
  const store = createMemoryStore();
  const [clock, outputs, rounds, logged] = [
    createVirtualClock(),
    [] as GeneratorOutput[],
    [] as Round[],
    [] as Lines[],
  ];
  let compiled = 0;
  for (const stored of before) store.put(stored);
  const start = (stores: readonly MemoryStore[] = [store]) =>
    createGenerator({
      settings: {
        node: "n1",
        environment: {},
        version: 30,
        missingPassword: "hold",
        sha256: (bytes) => bytes,
      },
      compile: (input) => {
        compiled++;
        return compileMesh(input);
      },
      sources: stores.map((each, i) => ({ name: `s${i}`, open: each.open })),
      clock,
      log: (level, event, fields) => logged.push({ level, event, fields }),
      folder: "/out/current",
      onGeneration: (output) => {
        outputs.push(output);
        return options.taking?.();
      },
      onRound: (round) => rounds.push(round),
    });
  /** Time passes, and promises have their turn. */
  const pass = async (ms: number) => {
    for (let at = 0; at < ms; at += 5) {
      clock.advance(5);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const paths = () => outputs.at(-1)?.generation.files.map(({ path }) => path);
  return { store, clock, outputs, rounds, logged, start, pass, paths, compiled: () => compiled };
}

const events = (logged: readonly Lines[], event: string) => logged.filter((line) => line.event === event);

describe("the generator", () => {
  test("gives what a datastore holds once all of it has been read, and not before", async () => {
    const { store, outputs, start, pass, paths } = world([OWN, node("n2", "10.0.0.2/24")]);
    store.setReadable(false);
    const generator = start();
    await pass(1000);
    assert.equal(outputs.length, 0);
    assert.match(generator.status().held!, /not read yet: s0/);
    store.setReadable(true);
    await pass(20);
    assert.deepEqual(paths(), ["peers/n2.yaml", "router.yaml"]);
    assert.deepEqual(
      outputs[0]!.config.peers.map(({ name }) => name),
      ["n2"],
    );
    assert.equal(generator.status().held, undefined);
  });

  test("waits for each of several datastores", async () => {
    const { store, outputs, start, pass } = world();
    const second = createMemoryStore();
    second.setReadable(false);
    start([store, second]);
    await pass(100);
    assert.equal(outputs.length, 0);
    second.setReadable(true);
    await pass(20);
    assert.equal(outputs.length, 1);
  });

  test("gives a change after quiet within 20 ms", async () => {
    const { store, outputs, start, pass } = world();
    start();
    await pass(100);
    store.put(node("n2", "10.0.0.2/24"));
    await pass(20);
    assert.equal(outputs.length, 2);
  });

  test("compiles a burst a few times, and ends in its last state", async () => {
    const { store, start, pass, paths, compiled } = world();
    start();
    await pass(100);
    for (let i = 0; i < 1000; i++) {
      store.put(node(`n${2 + (i % 9)}`, `10.0.${i >> 8}.${i & 255}/24`));
      if (i % 100 === 99) await pass(5);
    }
    store.remove("Node", "n5");
    await pass(100);
    assert.ok(compiled() < 8, `${compiled()} times`);
    assert.deepEqual(paths()!.length, 9);
    assert.ok(!paths()!.includes("peers/n5.yaml"));
  });

  test("gives nothing where no file differs", async () => {
    const { store, outputs, rounds, start, pass } = world([OWN]);
    start();
    await pass(50);
    store.put({ ...OWN, object: { ...OWN.object, metadata: { name: "n1", labels: { rack: "r1" } } } });
    await pass(50);
    assert.deepEqual(
      rounds.map(({ outcome }) => outcome),
      ["delivered", "unchanged"],
    );
    assert.equal(outputs.length, 1);
  });

  test("does not compile for a change that means nothing to BGP", async () => {
    const { store, start, pass, compiled } = world([OWN]);
    start();
    await pass(50);
    store.put({ ...OWN, object: { ...OWN.object, status: { conditions: [] } } });
    await pass(50);
    assert.equal(compiled(), 1);
  });

  test("keeps the last generation when our Node vanishes, and says so", async () => {
    const { store, outputs, rounds, start, pass } = world();
    const generator = start();
    await pass(50);
    store.remove("Node", "n1");
    await pass(50);
    assert.equal(outputs.length, 1);
    assert.equal(rounds.at(-1)!.outcome, "nothing");
    assert.match(generator.status().held!, /nothing to configure node n1 with/);
  });

  test("never gives out what the daemon would refuse, reports it, and goes on with what is valid", async () => {
    const { store, outputs, rounds, start, pass } = world();
    const generator = start();
    await pass(50);
    // A node without an address becomes a peer without a usable one.
    store.put({
      kind: "Node",
      name: "n2",
      object: { kind: "Node", metadata: { name: "n2" }, spec: {} },
      origin: "test",
    });
    await pass(50);
    assert.equal(outputs.length, 1);
    const { outcome, findings } = rounds.at(-1)!;
    assert.equal(outcome, "refused");
    assert.match(
      findings[0]!.message,
      /\/out\/current\/peers\/n2.yaml:2: peers\[0\].address: .*; the last configuration stays/,
    );
    store.put(node("n2", "10.0.0.2/24"));
    await pass(50);
    assert.equal(outputs.length, 2);
    assert.deepEqual(generator.status().findings, []);
  });

  test("logs each finding once when it appears, and once when it is gone", async () => {
    const { store, logged, start, pass } = world([OWN, secretive("n2", "kube-system_bgp")]);
    start();
    await pass(100);
    store.put(node("n3", "10.0.0.3/24"));
    await pass(100);
    assert.deepEqual(
      events(logged, "finding").map(({ level, fields }) => [level, fields.resource]),
      [["error", "Node/n2"]],
    );
    store.put(secret("kube-system/bgp"));
    await pass(100);
    assert.equal(events(logged, "finding gone").length, 1);
  });

  test("has what the resources refer to read, before anything is given that lacks it", async () => {
    const { store, outputs, start, pass } = world([OWN, secretive("n2", "kube-system_bgp")]);
    store.put(secret("kube-system/bgp"));
    start();
    await pass(100);
    assert.deepEqual(store.interest, { secrets: ["kube-system/bgp"], services: false });
    assert.equal(outputs.length, 1);
    assert.equal(outputs[0]!.config.peers[0]!.disabled, false);
  });

  test("does not wait for a Secret that may not be read: what needs it is held, all else goes on", async () => {
    const { store, outputs, rounds, start, pass } = world();
    start();
    await pass(100);
    store.put(secretive("n2", "kube-system_bgp"));
    store.put(node("n3", "10.0.0.3/24"));
    store.setReadable(false);
    await pass(100);
    assert.equal(rounds.at(-1)!.outcome, "waiting");
    await pass(6000);
    assert.deepEqual(
      outputs.at(-1)!.config.peers.map(({ name, disabled }) => [name, Boolean(disabled)]),
      [
        ["n2", true],
        ["n3", false],
      ],
    );
  });

  test("gives what was waited for as soon as it has been read, not when the wait would be over", async () => {
    const { store, outputs, rounds, start, pass } = world();
    start();
    await pass(100);
    store.put(secretive("n2", "kube-system_bgp"));
    store.put(secret("kube-system/bgp"));
    store.setReadable(false);
    await pass(1000);
    assert.equal(rounds.at(-1)!.outcome, "waiting");
    store.setReadable(true);
    await pass(20);
    assert.deepEqual(
      outputs.at(-1)!.config.peers.map(({ name, disabled }) => [name, disabled]),
      [["n2", false]],
    );
  });

  test("waits for Services at the start as long as it takes: routes announced before are not withdrawn", async () => {
    const own = { ...OWN, object: { ...OWN.object, metadata: { name: "n1", labels: { services: "true" } } } };
    const { store, outputs, start, pass, compiled } = world([own]);
    const second = createMemoryStore();
    start([store, second]);
    second.setReadable(false);
    await pass(60_000);
    assert.equal(outputs.length, 0);
    assert.ok(compiled() < 5, `compiled ${compiled()} times meanwhile`);
    second.setReadable(true);
    await pass(50);
    assert.equal(outputs.length, 1);
  });

  test("gives the newest again where it could not be taken, without haste", async () => {
    let isFull = true;
    const { store, outputs, logged, start, pass } = world([OWN], {
      taking: async () => {
        if (isFull) throw new Error("no space left on device");
      },
    });
    const generator = start();
    await pass(5000);
    assert.equal(outputs.length, 3);
    assert.match(generator.status().held!, /no space left/);
    assert.equal(events(logged, "generation not taken").length, 1, "each reason once");
    store.put(node("n2", "10.0.0.2/24"));
    isFull = false;
    await pass(3000);
    assert.deepEqual(outputs.at(-1)!.config.peers.length, 1);
    assert.equal(generator.status().held, undefined);
  });

  test("compiles nothing while a generation is being taken, and what changed meanwhile after it", async () => {
    let taken: () => void = () => undefined;
    const { store, outputs, start, pass, compiled } = world([OWN], {
      taking: () =>
        new Promise((resolve) => {
          taken = resolve;
        }),
    });
    start();
    await pass(50);
    for (const i of [2, 3, 4]) {
      store.put(node(`n${i}`, `10.0.0.${i}/24`));
      await pass(50);
    }
    assert.deepEqual([outputs.length, compiled()], [1, 1]);
    taken();
    await pass(200);
    assert.deepEqual([outputs.length, compiled()], [2, 2]);
    assert.equal(outputs[1]!.config.peers.length, 3);
  });

  test("logs each reason of a failing datastore once, and keeps what it said", async () => {
    const { store, clock, logged, outputs, start, pass } = world([OWN, node("n2", "10.0.0.2/24")]);
    const generator = start();
    await pass(50);
    for (let i = 0; i < 5; i++) {
      store.say({ state: "failing", reason: "connection refused", retryAt: clock.nowMs() + 500 });
      await pass(500);
    }
    store.say({ state: "failing", reason: "certificate has expired" });
    assert.deepEqual(
      events(logged, "datastore failing").map(({ fields }) => fields.reason),
      ["connection refused", "certificate has expired"],
    );
    const { status, sinceMs } = generator.status().sources[0]!;
    assert.equal(status!.state, "failing");
    assert.equal(clock.nowMs() - sinceMs, 2500);
    store.say({ state: "connected" });
    assert.equal(events(logged, "datastore connected").at(-1)!.fields.failedForMs, 2500);
    assert.equal(outputs.length, 1);
  });

  test("reminds of a datastore that stays away at growing intervals, whatever its reasons come and go", async () => {
    const { store, clock, logged, start } = world();
    start();
    clock.advance(50);
    for (let s = 0; s < 8 * 3600; s += 5) {
      store.say({ state: "failing", reason: s % 10 === 0 ? "refused" : "reset", retryAt: clock.nowMs() + 5000 });
      clock.advance(5000);
    }
    const hours = events(logged, "datastore failing").map(({ fields }) => (fields.failedForMs as number) / 3_600_000);
    assert.equal(hours.length, 2 + 12, `${hours}`);
    assert.ok(hours.at(-1)! > 7);
    store.say({ state: "connected" });
    const lines = logged.length;
    clock.advance(3_600_000);
    assert.equal(logged.length, lines);
  });

  test("a datastore that comes and goes all the time is reminded of, not said each time", async () => {
    const { store, clock, logged, start } = world();
    start();
    clock.advance(50);
    for (let i = 0; i < 1000; i++) {
      store.say({ state: "failing", reason: "reset", retryAt: clock.nowMs() });
      clock.advance(2000);
      store.say({ state: "connected" });
      clock.advance(28_000);
    }
    const failing = events(logged, "datastore failing").length;
    assert.ok(failing > 21 && failing < 50, `${failing}`);
    assert.equal(events(logged, "datastore connected").length, failing);
    clock.advance(60_000);
    store.say({ state: "failing", reason: "reset" });
    store.say({ state: "connected" });
    assert.equal(events(logged, "datastore connected").length, failing + 1);
  });

  test("says what runs while a datastore fails", async () => {
    const { store, logged, start, pass } = world();
    store.setReadable(false);
    start();
    store.say({ state: "failing", reason: "refused" });
    store.say({ state: "connected" });
    store.setReadable(true);
    await pass(50);
    store.say({ state: "failing", reason: "refused" });
    assert.deepEqual(
      events(logged, "datastore failing").map(({ fields }) => fields.meanwhile),
      ["nothing of it comes into force before all has been read", "the running configuration stays"],
    );
  });

  test("says nothing after it was closed", async () => {
    const { store, outputs, start, pass } = world();
    const generator = start();
    await pass(50);
    store.put(node("n2", "10.0.0.2/24"));
    await generator.close();
    await pass(100);
    assert.equal(outputs.length, 1);
  });

  for (const [what, name, message] of [
    ["the compiler fails", "boom", /the compiler failed: Error: boom/],
    ["what was compiled makes its reader fail", "unreadable", /reading the configuration failed: TypeError/],
  ] as const)
    test(`keeps the last generation where ${what}, and goes on`, async () => {
      const { store, outputs, rounds, start, pass } = world();
      start();
      await pass(50);
      store.put(node(name, "10.0.0.2/24"));
      await pass(50);
      assert.equal(rounds.at(-1)!.outcome, "refused");
      assert.match(rounds.at(-1)!.findings[0]!.message, message);
      store.remove("Node", name);
      store.put(node("n3", "10.0.0.3/24"));
      await pass(100);
      assert.equal(outputs.at(-1)!.config.peers.length, 1);
      assert.deepEqual(rounds.at(-1), { outcome: "delivered", findings: [] });
    });
});

function secretive(name: string, secretName: string): StoredObject {
  const { object } = node(name, "10.0.0.2/24");
  return {
    kind: "Node",
    name,
    object: { ...object, metadata: { name, labels: { secret: secretName } } },
    origin: "test",
  };
}

function secret(name: string): StoredObject {
  const [namespace, plain] = name.split("/");
  const object = { kind: "Secret", metadata: { name: plain, namespace }, data: { password: "YQ==" } };
  return { kind: "Secret", name, object, origin: "test" };
}
