/** What Calico's confd has BIRD do in each of its cases, our generated configuration has ours do. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Config } from "../../../src/config/model.ts";
import { type Backend, CASES, type Case, type CaseStep, caseOf, expectedConfig, SKIP } from "./case-list.ts";
import { describeBird, describeConfig } from "./description.ts";
import { createCaseNode, type Generated, startedAt } from "./generated-case.ts";
import { routesFor } from "./hypothetical.ts";
import { comparePolicies } from "./policy-comparison.ts";

/** Routes with values drawn at random, beside those in which one value after the other is tried. */
const MIXTURES = 400;

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
    for (const backend of each.backends)
      describe(`${each.name}, ${backend}`, () => {
        const generated: Generated[] = [];
        before(() => {
          const node = createCaseNode(each, backend);
          for (const _ of each.steps) generated.push(node.nextStep());
        });
        for (const [at, step] of each.steps.entries()) {
          test(`${step.step}: ${step.do}: ours does what BIRD is told`, () =>
            expectLikeBird(each, step, generated[at]!.config));
          test(`${step.step}: a node that starts now generates the same, byte by byte`, () =>
            assert.deepEqual(bytesOf(startedAt(each, backend, at)), bytesOf(generated[at]!)));
        }
      });
});

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
