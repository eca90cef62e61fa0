import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compile, createCompileMemo } from "../../../src/confgen/compile/compile.ts";
import type { CalicoVersion, CompileInput } from "../../../src/confgen/compile/input.ts";
import type { GeneratedFile } from "../../../src/confgen/generation.ts";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { formatProblem, parseConfig } from "../../../src/config/parse.ts";
import { codesOf, generatedOf } from "../generated.ts";
import {
  bgpConfiguration,
  bgpFilter,
  bgpPeer,
  blockAffinity,
  type Faulty,
  inputOf,
  ipPool,
  node,
  secret,
} from "../resource-builders.ts";
import { anyEnvironment, anyResource } from "./arbitrary.ts";

const SEED = 20261120;
const own = node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64" });

describe("router.yaml", () => {
  const router = (
    changes: Parameters<typeof bgpConfiguration>[1],
    options: Parameters<typeof node>[1] = {},
    more: Resource[] = [],
    input = {},
  ) =>
    generatedOf(
      [
        node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64", ...options }),
        bgpConfiguration("default", changes),
        ...more,
      ],
      input,
    );
  const listening = (...args: Parameters<typeof router>) =>
    /listen: (.*)/.exec(router(...args).texts.get("router.yaml")!)![1];
  test("identifier, AS and cluster id", () => {
    const { config } = router({ asn: 65001 }, { clusterId: "244.0.0.1" });
    assert.deepEqual([config.router.id, config.router.asn, config.router.clusterId], [0x0a000001, 65001, 0xf4000001]);
  });
  test("CALICO_ROUTER_ID", () =>
    assert.equal(router({}, {}, [], { environment: { CALICO_ROUTER_ID: "1.2.3.4" } }).config.router.id, 0x01020304));
  test("listens at every address of its families", () =>
    assert.equal(listening({}), '[{ address: 0.0.0.0, port: 179 }, { address: "::", port: 179 }]'));
  test("not of a family without an address", () =>
    assert.equal(
      /listen: (.*)/.exec(generatedOf([node("n1", { ipv6: "fd00::1/64" })]).texts.get("router.yaml")!)![1],
      '[{ address: "::", port: 179 }]',
    ));
  test("bindMode NodeIP: at its own", () =>
    assert.equal(
      listening({ bindMode: "NodeIP" }),
      '[{ address: 10.0.0.1, port: 179 }, { address: "fd00::1", port: 179 }]',
    ));
  test("listenPort: the node's own, or the default one", () => {
    assert.match(listening({ listenPort: 180 })!, /port: 180/);
    assert.match(listening({ listenPort: 180 }, {}, [bgpConfiguration("node.n1", { listenPort: 181 })])!, /port: 181/);
  });
  test("ignoredInterfaces go before Calico's own", () =>
    assert.deepEqual(router({ ignoredInterfaces: ["eth1", "docker*"] }).config.direct.except, [
      "eth1",
      "docker*",
      "cali*",
      "kube-ipvs*",
    ]));
  test("logSeverityScreen", () => assert.equal(router({ logSeverity: "debug" }).config.log.level, "debug"));
  test("routes stay in the kernel when the daemon ends", () =>
    assert.equal(router({}).config.kernel.keepOnShutdown, true));
});

describe("sessions have the properties of Calico's BIRD", () => {
  const { config } = generatedOf([
    own,
    node("n2", { ipv4: "10.0.0.2/24" }),
    bgpPeer("tor", { address: "10.0.0.254", asn: 65000 }),
  ]);
  for (const name of ["Mesh_10_0_0_2", "Global_10_0_0_254"])
    test(name, () => {
      const peer = config.peers.find((each) => each.name === name)!;
      assert.equal(peer.timers.holdMs, 240_000);
      assert.equal(peer.timers.keepaliveMs, undefined);
      assert.equal(peer.timers.connectDelayMs, 2000);
      assert.equal(peer.timers.connectRetryMs, 5000);
      assert.deepEqual([peer.timers.idleHoldMinMs, peer.timers.idleHoldMaxMs], [5000, 30_000]);
      assert.equal(peer.multihop, true);
      assert.equal(peer.ttl, undefined);
      assert.deepEqual(peer.addPath, { receive: true, send: "all" });
      assert.equal(peer.gracefulRestart.mode, "on");
      assert.equal(peer.gracefulRestart.restartTimeMs, 120_000);
      assert.equal(peer.gracefulRestart.longLived, "aware");
      assert.equal(peer.gracefulRestart.notification, false);
      assert.deepEqual(peer.capabilities, {
        fourOctetAs: true,
        routeRefresh: true,
        enhancedRouteRefresh: true,
        extendedMessage: false,
      });
    });
});

describe("the mesh's password", () => {
  const resources = [
    own,
    node("n2", { ipv4: "10.0.0.2/24" }),
    bgpConfiguration("default", { meshPassword: { name: "keys", key: "mesh" }, meshMaxRestartTime: 30 }),
  ];
  const withKey = compile(inputOf([...resources, secret("kube-system/keys", { mesh: "p: #1" })]));
  const files = withKey.generation!.files;
  test("stands in the group, and only its file is secret", () =>
    assert.deepEqual(
      files.filter(({ secret: isSecret }) => isSecret).map(({ path }) => path),
      ["groups.yaml"],
    ));
  test("is what the session has", () => {
    const parsed = parseConfig(files);
    assert.ok(parsed.ok);
    assert.equal(parsed.config.peers[0]!.password, "p: #1");
    assert.equal(parsed.config.peers[0]!.gracefulRestart.restartTimeMs, 30_000);
  });
  test("the Secret is asked for", () => assert.deepEqual(withKey.secrets, ["kube-system/keys"]));
  test("without it the sessions are held down, and say why", () => {
    const { config, findings } = generatedOf(resources);
    assert.match(String(config.peers[0]!.disabledReason), /kube-system\/keys/);
    assert.deepEqual(codesOf(findings), ["error password-missing BGPConfiguration/default"]);
  });
  test("a BGPPeer's password makes the peer's file secret", () => {
    const peer = bgpPeer("tor", { address: "10.0.0.254", asn: 65000, password: { name: "keys", key: "tor" } });
    const made = compile(inputOf([own, peer, secret("kube-system/keys", { tor: "x" })]));
    assert.deepEqual(
      made.generation!.files.filter(({ secret: isSecret }) => isSecret).map(({ path }) => path),
      ["peers/Global_10_0_0_254.yaml"],
    );
  });
});

describe("nothing to configure", () => {
  test("without our own Node, or its spec.bgp, there is no generation, and a finding", () => {
    for (const resources of [[], [node("n1", { bgp: false })]]) {
      const { generation, findings } = compile(inputOf(resources));
      assert.equal(generation, undefined);
      assert.equal(findings.length, 1);
    }
  });
});

test("files are in order of their paths, and each says where it comes from", () => {
  const { files } = compile(inputOf([own, node("n2", { ipv4: "10.0.0.2/24" }), blockAffinity("n1", "10.65.0.0/26")]))
    .generation!;
  assert.deepEqual(
    files.map(({ path }) => path),
    ["groups.yaml", "peers/Mesh_10_0_0_2.yaml", "policies.yaml", "router.yaml", "static.yaml"],
  );
  for (const { text } of files) assert.match(text, /^# .+\n/);
  assert.match(files[3]!.text, /^# Node\/n1\n/m);
});

interface Change {
  readonly resource: Resource | Faulty;
  readonly deleted: boolean;
}

const changes = fc.array(
  fc.record({ resource: anyResource, deleted: fc.integer({ min: 0, max: 4 }).map((n) => n === 0) }),
  { minLength: 1, maxLength: 25 },
);
const settings = fc.record({
  version: fc.constantFrom<CalicoVersion>(28, 29, 30, 31, 32, 33),
  environment: anyEnvironment,
  missingPassword: fc.constantFrom("hold" as const, "open" as const),
});

/** Gives the input after each change. */
function* after(list: readonly Change[], options: Partial<CompileInput>): Generator<CompileInput> {
  const resources = new Map<string, Resource | Faulty>([["Node n1", own]]);
  for (const { resource, deleted } of list) {
    const key = `${resource.kind} ${resource.name}`;
    if (deleted) resources.delete(key);
    else resources.set(key, resource);
    yield inputOf([...resources.values()], options);
  }
}

describe("for any sequence of changes", () => {
  test("the result with a memo is that of a fresh start", () =>
    fc.assert(
      fc.property(changes, settings, (list, options) => {
        const memo = createCompileMemo();
        let before: ReadonlyMap<string, GeneratedFile> = new Map();
        for (const input of after(list, options)) {
          const made = compile(input, memo);
          assert.deepEqual(made, compile(input));
          if (!made.generation) continue;
          // A file that did not change is the same object, so that it need not be written.
          for (const file of made.generation.files) {
            const same = before.get(file.path);
            if (same?.text === file.text && same.secret === file.secret) assert.equal(file, same);
          }
          before = new Map(made.generation.files.map((file) => [file.path, file]));
        }
      }),
      { seed: SEED, numRuns: 120 },
    ));
  test("a generation is one that the daemon takes", () =>
    fc.assert(
      fc.property(changes, settings, (list, options) => {
        const [last] = [...after(list, options)].reverse();
        const { generation } = compile(last!);
        if (!generation) return;
        const parsed = parseConfig(generation.files);
        assert.ok(parsed.ok, parsed.ok ? "" : parsed.problems.map(formatProblem).join("\n"));
      }),
      { seed: SEED, numRuns: 300 },
    ));
  test("the order in which resources came makes no difference", () => {
    const all = fc.uniqueArray(anyResource, { selector: ({ kind, name }) => `${kind} ${name}`, maxLength: 20 });
    const shuffled = all.chain((resources) =>
      fc.tuple(fc.constant(resources), fc.shuffledSubarray(resources, { minLength: resources.length })),
    );
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        const compiled = (list: readonly (Resource | Faulty)[]) =>
          compile(inputOf([...list.filter(({ kind, name }) => kind !== "Node" || name !== "n1"), own]));
        assert.deepEqual(compiled(one), compiled(other));
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});

test("one node more changes no other peer's file", () => {
  const memo = createCompileMemo();
  const nodes = Array.from({ length: 50 }, (_, i) => node(`m${i}`, { ipv4: `10.0.1.${i + 1}/24` }));
  const first = compile(inputOf([own, ...nodes]), memo).generation!;
  const second = compile(inputOf([own, ...nodes, node("z", { ipv4: "10.0.2.1/24" })]), memo).generation!;
  const before = new Set(first.files);
  assert.deepEqual(
    second.files.filter((file) => !before.has(file)).map(({ path }) => path),
    ["peers/Mesh_10_0_2_1.yaml"],
  );
});

test("a changed pool changes the policies only", () => {
  const memo = createCompileMemo();
  const resources = [own, node("n2", { ipv4: "10.0.0.2/24" }), bgpFilter("f")];
  const first = compile(inputOf([...resources, ipPool("p", "10.65.0.0/16")]), memo).generation!;
  const second = compile(inputOf([...resources, ipPool("p", "10.66.0.0/16")]), memo).generation!;
  assert.deepEqual(
    second.files.filter((file) => !first.files.includes(file)).map(({ path }) => path),
    ["policies.yaml"],
  );
});
