/** What Calico's confd has BIRD do in each of its cases, our generated configuration has ours do. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Config } from "../../../src/config/model.ts";
import { type Backend, CASES, type Case, type CaseStep, caseOf, expectedConfig, SKIP } from "./case-list.ts";
import { describeBird, describeConfig } from "./description.ts";
import { createCaseNode, type Generated, startedAt, startedWithFiles } from "./generated-case.ts";
import { routesFor } from "./hypothetical.ts";
import { comparePolicies } from "./policy-comparison.ts";

/** Routes with values drawn at random, beside those in which one value after the other is tried. */
const MIXTURES = 200;

function expectLikeBird(each: Case, step: CaseStep, config: Config): void {
  const bird = { ipv4: expectedConfig(each, step, "ipv4"), ipv6: expectedConfig(each, step, "ipv6") };
  assert.deepEqual(describeConfig(config), describeBird(bird));
  for (const family of [bird.ipv4, bird.ipv6]) {
    const routes = routesFor(family, generatorOf(each.name), MIXTURES);
    const { judged, differences } = comparePolicies(family, config, routes);
    assert.deepEqual(differences, []);
    assert.ok(judged >= MIXTURES * family.peers.length && routes.length > MIXTURES, `only ${judged} were judged`);
  }
}

/** A small linear congruential generator, seeded by a text. */
function generatorOf(text: string): (below: number) => number {
  let state = [...text].reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0, 7);
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function bytesOf({ files }: Generated): string[] {
  return files.map(({ path, text }) => `${path}\n${text}`);
}

describe("Calico's own cases", { skip: SKIP }, () => {
  for (const each of CASES.filter(({ steps }) => steps.every(({ expected }) => expected !== undefined)))
    describe(each.name, () => {
      const generated: Generated[] = [];
      before(() => {
        const node = createCaseNode(each, "kdd");
        for (const _ of each.steps) generated.push(node.nextStep());
      });
      for (const [at, step] of each.steps.entries()) {
        test(`${step.step}: ${step.do}: ours does what BIRD is told`, () =>
          expectLikeBird(each, step, generated[at]!.config));
        for (const backend of each.backends)
          test(`${step.step}: a node that starts now with ${backend} generates the same, byte by byte`, () =>
            assert.deepEqual(bytesOf(startedAt(each, backend, at)), bytesOf(generated[at]!)));
      }
      if (each.backends.includes("etcd"))
        test("a node that follows etcd generates the same at every step, byte by byte", () => {
          const node = createCaseNode(each, "etcd");
          assert.deepEqual(
            each.steps.map(() => bytesOf(node.nextStep())),
            generated.map(bytesOf),
          );
        });
    });
});

describe("Calico's own cases as files", { skip: SKIP }, () => {
  for (const each of CASES)
    test(`${each.name}: the texts themselves give what the API server's objects give, byte by byte`, () =>
      assert.deepEqual(bytesOf(startedWithFiles(each)), bytesOf(startedAt(each, "kdd", 0))));
});

describe("Calico's own cases, what is said about them", { skip: SKIP }, () => {
  for (const each of CASES)
    test(`${each.name}: nothing but what is known`, () => {
      const said = each.steps.flatMap((_, step) => {
        const { compilation, warnings } = startedAt(each, "kdd", step);
        const findings = compilation.findings.map(({ severity, code, resource }) => `${severity} ${code} ${resource}`);
        return [...findings, ...warnings.map((warning) => warning.replace(/^.*: warning: /, ""))];
      });
      assert.deepEqual([...new Set(said)].toSorted(), (SAID[each.name] ?? []).toSorted());
    });
});

const MULTICAST = ["external-route-reflector-a-ipv6", "external-route-reflector-b-ipv6"].map(
  (name) => `warning address-unusable BGPPeer/${name}`,
);
const NOBODY = ["ffee::10", "ffee::11"].map(
  (address) => `peers[0].address: \`${address}\` is no unicast address: nobody answers there`,
);

/** What is odd about a case, in the words of the generator and of the configuration's check. */
const SAID: Readonly<Record<string, readonly string[]>> = {
  // Its peer is a node, which is in AS 64512 whatever the BGPPeer says.
  "explicit_peering/specific_node": ["warning other-as BGPPeer/bgppeer-2"],
  "explicit_peering/local-as": ["warning other-as BGPPeer/bgppeer-2"],
  mesh_password: ["warning password-missing BGPConfiguration/default"],
  "bgpfilter/filter_deletion": ["warning filter-missing BGPFilter/test-filter"],
  "explicit_peering/global": [
    "peers[0].address: incoming connections cannot be told from those of peer `Global_10_192_0_1_port_150` (peers/Global_10_192_0_1_port_150.yaml:2): give them different localAddress",
  ],
  // ffee::10 is a multicast address: BIRD is told of it, and can do nothing with it either.
  "reachable_by/global_peers": [
    ...MULTICAST,
    ...NOBODY,
    ...[6, 7].map((at) => `static[${at}].via[0]: \`ffee::1:1\` is no unicast address: the route is never of use`),
  ],
  "next_hop_mode/global_peers": [...MULTICAST, ...NOBODY],
};

describe("idle_peers", { skip: SKIP }, () => {
  for (const backend of ["etcd", "kdd"] satisfies Backend[])
    test(`${backend}: a global and a node's peering with one address are one session, however often the Node is written`, () => {
      const each = caseOf("idle_peers");
      const node = createCaseNode(each, backend);
      for (const step of each.steps)
        assert.equal(node.nextStep().config.peers.length, step.expected_peering_count, step.do);
    });
});

describe("mesh_password: a Secret that is not there", { skip: SKIP }, () => {
  test("no session runs without its password where it is to be held", () => {
    const each = caseOf("mesh_password");
    const node = createCaseNode(each, "kdd", "hold");
    const held = each.steps.map(() => node.nextStep().config.peers.map(({ disabled }) => disabled));
    const all = (value: boolean) => held[0]!.map(() => value);
    assert.deepEqual(held, [all(true), all(false), all(false), all(true), all(true)]);
    assert.ok(held[0]!.length > 0);
  });
});
