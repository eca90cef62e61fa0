/** Any sequence of changes ends in the files of a fresh start with the final state. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { compile, createCompileMemo } from "../../src/confgen/compile/compile.ts";
import type { StoredObject } from "../../src/confgen/datastore/datastore.ts";
import { createGenerator } from "../../src/confgen/generator.ts";
import type { GeneratorOutput } from "../../src/confgen/generator-ports.ts";
import type { Kind } from "../../src/confgen/resources/model.ts";
import { createMemoryStore, type MemoryStore } from "../datastore/memory-datastore.ts";
import { createVirtualClock } from "../fib/virtual-clock.ts";

const OWN = "n0";

function stored(kind: Kind, name: string, rest: Readonly<Record<string, unknown>>): StoredObject {
  const [first, second] = name.split("/");
  const own = second === undefined ? { name } : { namespace: first, name: second };
  const metadata = { ...own, ...(rest.metadata as object | undefined) };
  return { kind, name, object: { apiVersion: "projectcalico.org/v3", kind, ...rest, metadata }, origin: "test" };
}

const small = fc.nat({ max: 5 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const node = fc
  .record({
    i: small,
    host: fc.integer({ min: 1, max: 9 }),
    rack: small,
    v6: fc.boolean(),
    rr: fc.boolean(),
    asn: maybe(small),
  })
  .map(({ i, host, rack, v6, rr, asn }) => {
    const bgp = {
      ipv4Address: `10.0.0.${host}/24`,
      ...(v6 && { ipv6Address: `fd00::${host}/64` }),
      ...(rr && { routeReflectorClusterID: "1.0.0.1" }),
      ...(asn !== undefined && { asNumber: 64600 + asn }),
    };
    return stored("Node", `n${i}`, { metadata: { labels: { rack: `r${rack % 2}` } }, spec: { bgp } });
  });
const peer = fc
  .record({ i: small, asn: small, secret: maybe(small), filter: fc.boolean(), selects: fc.boolean() })
  .map(({ i, asn, secret, filter, selects }) =>
    stored("BGPPeer", `peer-${i}`, {
      spec: {
        ...(selects ? { nodeSelector: "rack == 'r0'" } : { node: OWN }),
        ...(i === 5 ? { peerSelector: "rack == 'r1'" } : { peerIP: `192.0.2.${i + 1}`, asNumber: 65000 + asn }),
        ...(secret !== undefined && { password: { secretKeyRef: { name: `s${secret % 2}`, key: "k" } } }),
        ...(filter && { filters: ["f"] }),
      },
    }),
  );
const filter = fc
  .constantFrom("Accept", "Reject", "Nonsense")
  .map((action) =>
    stored("BGPFilter", "f", { spec: { importV4: [{ cidr: "10.0.0.0/8", matchOperator: "In", action }] } }),
  );
const configuration = fc.record({ mesh: fc.boolean(), services: fc.boolean() }).map(({ mesh, services }) =>
  stored("BGPConfiguration", "default", {
    spec: { nodeToNodeMeshEnabled: mesh, ...(services && { serviceClusterIPs: [{ cidr: "10.96.0.0/12" }] }) },
  }),
);
const pool = fc
  .constantFrom("Always", "Never", "CrossSubnet")
  .map((ipipMode) => stored("IPPool", "pool", { spec: { cidr: "192.168.0.0/16", ipipMode } }));
const affinity = fc.record({ i: small, own: fc.boolean() }).map(({ i, own }) =>
  stored("BlockAffinity", `b${i}`, {
    spec: { cidr: `192.168.${i}.0/26`, node: own ? OWN : "n1", state: "confirmed" },
  }),
);
const secret = small.map((i) => stored("Secret", `kube-system/s${i % 2}`, { data: { k: ["YQ==", "Yg=="][i % 2]! } }));
const service = small.map((i) =>
  stored("Service", "default/web", {
    spec: { type: "ClusterIP", clusterIP: `10.96.0.${i + 1}`, externalTrafficPolicy: "Cluster" },
  }),
);

const object = fc.oneof(
  { arbitrary: node, weight: 3 },
  { arbitrary: peer, weight: 3 },
  ...[filter, configuration, pool, affinity, secret, service],
);
type Step = { readonly put: StoredObject } | { readonly remove: StoredObject } | { readonly pass: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: object.map((put) => ({ put })), weight: 5 },
  { arbitrary: object.map((remove) => ({ remove })), weight: 2 },
  { arbitrary: fc.constantFrom(1, 15, 60, 6000).map((pass) => ({ pass })), weight: 4 },
);

/** The generator over a store, in virtual time. */
function run(store: MemoryStore) {
  const clock = createVirtualClock();
  const memo = createCompileMemo();
  let last: GeneratorOutput | undefined;
  let given = 0;
  const generator = createGenerator({
    settings: {
      node: OWN,
      environment: {},
      version: 33,
      missingPassword: "hold",
      sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    },
    compile: (input) => compile(input, memo),
    sources: [{ name: "memory", open: store.open }],
    clock,
    log: () => undefined,
    folder: "/out",
    onGeneration: (output) => {
      assert.notDeepEqual(output.generation.files, last?.generation.files);
      last = output;
      given++;
    },
  });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 10) {
      clock.advance(Math.min(10, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { generator, pass, last: () => last, given: () => given };
}

const own = stored("Node", OWN, { spec: { bgp: { ipv4Address: "10.0.0.100/24" } } });

test("any sequence of changes ends in the files of a fresh start with the final state", async () => {
  let generations = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const store = createMemoryStore();
      // A form that was never valid: only the last valid one of an invalid resource is not to be had afresh.
      const final = new Map<string, StoredObject>();
      const put = (stored: StoredObject) => {
        final.set(`${stored.kind}/${stored.name}`, stored);
        store.put(stored);
      };
      put(own);
      const live = run(store);
      for (const each of steps) {
        if ("pass" in each) await live.pass(each.pass > 100 ? each.pass / 10 : each.pass);
        else if ("put" in each) {
          if (JSON.stringify(each.put.object).includes("Nonsense")) continue;
          if (each.put.name !== OWN) put(each.put);
        } else if (each.remove.name !== OWN) {
          final.delete(`${each.remove.kind}/${each.remove.name}`);
          store.remove(each.remove.kind, each.remove.name);
        }
      }
      await live.pass(200);
      const afresh = createMemoryStore();
      for (const stored of [...final.values()].reverse()) afresh.put(stored);
      const fresh = run(afresh);
      await fresh.pass(200);
      assert.deepEqual(
        live.last()!.generation.files.map(({ path, text }) => [path, text]),
        fresh.last()!.generation.files.map(({ path, text }) => [path, text]),
      );
      assert.deepEqual(live.generator.status().findings, fresh.generator.status().findings);
      generations += live.given();
      await live.generator.close();
      await fresh.generator.close();
    }),
    { numRuns: 60, seed: 4 },
  );
  assert.ok(generations > 120, `${generations} generations`);
});
