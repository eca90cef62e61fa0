import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clusterFacts } from "../../../src/confgen/compile/cluster.ts";
import type { Session } from "../../../src/confgen/compile/session.ts";
import { compileSessions, createSessionsMemo } from "../../../src/confgen/compile/sessions.ts";
import type { BgpPeerResource, Resource } from "../../../src/confgen/resources/model.ts";
import type { Selector } from "../../../src/confgen/selector/selector.ts";
import { bgpConfiguration, bgpPeer, type Faulty, inputOf, node, secret } from "../resource-builders.ts";
import { sessionsOf } from "./brief.ts";
import { anyResource, NAMES, nodeOf } from "./clusters.ts";

const own = node("n1", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64", labels: { x: "1", name: "n1" } });

test("with the memo of any sequence of changes the result is that of a fresh start", () => {
  const change = fc.record({ resource: anyResource, deleted: fc.integer({ min: 0, max: 4 }).map((n) => n === 0) });
  const start = fc.tuple(...NAMES.slice(1).map((name, i) => nodeOf(name, fc.constant(i + 3))));
  const changes = fc.array(change, { minLength: 15, maxLength: 30 });
  fc.assert(
    fc.property(start, changes, (nodes, sequence) => {
      const resources = new Map<string, Resource | Faulty>();
      const memo = createSessionsMemo();
      let before: readonly Session[] = [];
      const set = (resource: Resource | Faulty) => resources.set(`${resource.kind} ${resource.name}`, resource);
      for (const each of [own, ...nodes]) set(each);
      for (const { resource, deleted } of sequence) {
        if (deleted) resources.delete(`${resource.kind} ${resource.name}`);
        else set(resource);
        const input = inputOf([...resources.values()]);
        const { facts } = clusterFacts(input);
        if (!facts) continue;
        const result = compileSessions(input, facts, memo);
        assert.deepEqual(result, compileSessions(input, facts));
        keepsIdentity(result.sessions, before);
        before = result.sessions;
      }
    }),
    { seed: 4, numRuns: 300 },
  );
});

/** What did not change is the same object as before. */
function keepsIdentity(sessions: readonly Session[], before: readonly Session[]): void {
  const old = new Map(before.map((session) => [session.name, session]));
  for (const session of sessions) {
    const same = old.get(session.name);
    if (same && JSON.stringify(same) === JSON.stringify(session)) assert.equal(session, same);
  }
}

test("where no session changed the list is the same", () => {
  const memo = createSessionsMemo();
  const resources = [own, node("n2", { ipv4: "10.0.0.3" }), bgpPeer("a", { address: "10.0.9.1", asn: 65000 })];
  const first = sessionsOf(inputOf(resources), memo);
  const again = sessionsOf(inputOf([...resources, secret("kube-system/unused", {})]), memo);
  assert.equal(again.sessions, first.sessions);
});

test("a change of one node changes its session only", () => {
  const memo = createSessionsMemo();
  const others = Array.from({ length: 50 }, (_, i) => node(`m${i}`, { ipv4: `10.0.1.${i + 1}` }));
  const first = sessionsOf(inputOf([own, ...others, node("z", { ipv4: "10.0.2.1" })]), memo);
  const second = sessionsOf(inputOf([own, ...others, node("z", { ipv4: "10.0.2.1", asn: 65001 })]), memo);
  assert.deepEqual(
    second.sessions.filter((session, i) => session !== first.sessions[i]).map(({ name }) => name),
    ["Mesh_10_0_2_1"],
  );
});

test("a change of one node asks each selector about that node only", () => {
  const asked: string[] = [];
  const counting: Selector = {
    text: "has(x)",
    matches: (labels) => {
      asked.push(labels.name!);
      return true;
    },
  };
  const { nodeSelector: _, ...rest } = bgpPeer("a", { peerSelector: "has(x)" });
  const peer: BgpPeerResource = { ...rest, peer: { by: "selector", selector: counting } };
  const named = (name: string, tail: number) => node(name, { ipv4: `10.0.1.${tail}`, labels: { name } });
  const others = Array.from({ length: 50 }, (_, i) => named(`m${i}`, i + 1));
  const memo = createSessionsMemo();
  sessionsOf(inputOf([own, peer, ...others, named("z", 100)]), memo);
  asked.length = 0;
  const { sessions } = sessionsOf(inputOf([own, peer, ...others, named("z", 101)]), memo);
  assert.ok(sessions.some(({ address }) => address === "10.0.1.101"));
  // Our own labels are looked at too: whether the peering has its mirror here.
  assert.deepEqual(asked, ["z", own.labels.name]);
});

test("the order in which resources came makes no difference", () => {
  const all = fc.uniqueArray(anyResource, { selector: ({ kind, name }) => `${kind} ${name}`, maxLength: 15 });
  const shuffled = all.chain((resources) =>
    fc.tuple(fc.constant(resources), fc.shuffledSubarray(resources, { minLength: resources.length })),
  );
  fc.assert(
    fc.property(shuffled, ([one, other]) => {
      const withOwn = (resources: readonly (Resource | Faulty)[]) =>
        inputOf([...resources.filter(({ kind, name }) => kind !== "Node" || name !== "n1"), own]);
      assert.deepEqual(sessionsOf(withOwn(one)), sessionsOf(withOwn(other)));
    }),
    { seed: 5, numRuns: 200 },
  );
});

test("names of sessions are different and in order", () => {
  fc.assert(
    fc.property(fc.array(anyResource, { maxLength: 30 }), (resources) => {
      const names = sessionsOf(inputOf([...resources, own])).sessions.map(({ name }) => name);
      assert.deepEqual(names, [...new Set(names)].sort());
    }),
    { seed: 6, numRuns: 300 },
  );
});

test("what is looked up in the mesh is not looked up by name of a class's member", () => {
  const names = ["constructor", "__proto__", "toString"];
  const input = inputOf([
    own,
    bgpConfiguration("default", { meshPassword: { name: "__proto__", key: "constructor" } }),
    ...names.map((name, i) => node(name, { ipv4: `10.0.1.${i + 1}` })),
  ]);
  assert.equal(sessionsOf(input).sessions.length, names.length);
});
