import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compile } from "../../../src/confgen/compile/compile.ts";
import type { CompileInput } from "../../../src/confgen/compile/input.ts";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import { bgpConfiguration, bgpPeer, type Faulty, inputOf, node } from "../resource-builders.ts";
import { sessionsOf } from "./brief.ts";
import { anyResource, NAMES, nodeOf } from "./clusters.ts";

const own = node("n1", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64", labels: { x: "1" } });

/** One thing that the configuration refuses would leave the whole generation without effect. */
function isAccepted(input: CompileInput): void {
  const { generation } = compile(input);
  const parsed = parseConfig(generation!.files.map(({ path, text }) => ({ path, text })));
  assert.deepEqual(parsed.ok ? [] : parsed.problems.filter(({ severity }) => severity === "error"), []);
  assert.ok(parsed.ok);
  const names = sessionsOf(input).sessions.map(({ name }) => name);
  assert.deepEqual(parsed.config.peers.map(({ name }) => name).sort(), names.toSorted());
}

test("whatever the resources say, the configuration takes every session that comes of them", () => {
  const start = fc.tuple(...NAMES.slice(1).map((name, i) => nodeOf(name, fc.constant(i + 3))));
  const release = fc.constantFrom(28, 31, 33) as fc.Arbitrary<CompileInput["version"]>;
  const missing = fc.constantFrom("hold" as const, "open" as const);
  fc.assert(
    fc.property(
      start,
      fc.array(anyResource, { maxLength: 25 }),
      release,
      missing,
      (nodes, more, version, missingPassword) => {
        isAccepted(inputOf([...nodes, ...more, own], { version, missingPassword }));
      },
    ),
    { seed: 12, numRuns: 300 },
  );
});

const odd: { claim: string; resources: readonly (Resource | Faulty)[] }[] = [
  {
    claim: "addresses that no session can have",
    resources: [
      own,
      node("n2", { ipv4: "0.0.0.0", ipv6: "fe80::1/64" }),
      bgpPeer("a", { address: "224.0.0.1", asn: 65000 }),
      bgpPeer("b", { address: "10.0.9.1", asn: 65000, reachableBy: "255.255.255.255" }),
    ],
  },
  {
    claim: "an own address that no session can have",
    resources: [
      node("n1", { ipv4: "169.254.0.1", ipv6: "fe80::1/64" }),
      node("n2", { ipv4: "10.0.0.3", ipv6: "fd00::1" }),
    ],
  },
  {
    claim: "values beyond what BGP has room for",
    resources: [
      own,
      bgpConfiguration("default", { meshMaxRestartTime: 100_000 }),
      node("n2", { ipv4: "10.0.0.3" }),
      bgpPeer("a", {
        address: "10.0.9.1",
        asn: 4294967295,
        localAsn: 4294967295,
        maxRestartTime: 100_000,
        keepaliveTime: 100_000,
        ttlSecurity: 255,
        numAllowedLocalAsNumbers: 2147483647,
      }),
    ],
  },
  {
    claim: "the longest names",
    resources: [
      own,
      node("n".repeat(253), { ipv6: "fd00:1111:2222:3333:4444:5555:6666:7777/64" }),
      bgpPeer("p".repeat(253), {
        address: "fd00:1111:2222:3333:4444:5555:6666:8888",
        port: 65535,
        asn: 65000,
        password: { name: "s".repeat(253), key: "k".repeat(253) },
      }),
    ],
  },
  {
    claim: "a BGPConfiguration that was never valid",
    resources: [own, { kind: "BGPConfiguration", name: "default", faults: ["no"] }, node("n2", { ipv4: "10.0.0.3" })],
  },
];
for (const { claim, resources } of odd)
  test(`the configuration takes what comes of ${claim}`, () => isAccepted(inputOf(resources)));
