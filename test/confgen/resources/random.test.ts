import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { StoredObject } from "../../../src/confgen/datastore/datastore.ts";
import { createResourceTable } from "../../../src/confgen/resources/admission.ts";
import { readCidr } from "../../../src/confgen/resources/cidr.ts";
import type { Kind } from "../../../src/confgen/resources/model.ts";
import { KINDS, parseResource } from "../../../src/confgen/resources/parse-resource.ts";
import { readDuration } from "../../../src/confgen/resources/scalars.ts";
import { type Address, formatAddress, parseAddress } from "../../../src/ip/address.ts";
import { formatPrefix, prefixOf } from "../../../src/ip/prefix.ts";
import { plain } from "./parsing.ts";

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address: fc.Arbitrary<Address> = fc.oneof(
  octets(4).map((bytes) => ({ family: "ipv4" as const, bytes })),
  octets(16).map((bytes) => ({ family: "ipv6" as const, bytes })),
  octets(16).map((bytes) => ({ family: "ipv6" as const, bytes: bytes.map((octet) => octet & (octet >> 4)) })),
);

test("a CIDR is read as src/ip reads it", () => {
  fc.assert(
    fc.property(address, fc.nat(128), (host, any) => {
      const length = any % (host.bytes.length * 8 + 1);
      const expected = { family: host.family, text: formatPrefix(prefixOf(host, length)), length };
      assert.deepEqual(readCidr(`${formatAddress(host)}/${length}`), expected);
    }),
    { numRuns: 1000, seed: 21 },
  );
});

test("any text is a CIDR exactly where src/ip finds an address and a length in it", () => {
  const part = fc.constantFrom(..."0123456789abcf:./%+- ", "::", "255", "10", "fd00", "/8", "/128", "/032", "ffff:");
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 14 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (text) => {
      const [before = "", after = "", ...more] = text.split("/");
      const host = parseAddress(before);
      const isLength = /^(0|[1-9]\d{0,2})$/.test(after) && Number(after) <= (host?.bytes.length ?? 0) * 8;
      const expected = more.length === 0 && host !== undefined && host.zone === undefined && isLength;
      assert.equal(readCidr(text) !== undefined, expected, text);
    }),
    { numRuns: 20_000, seed: 22 },
  );
});

test("whole seconds are read back from any way to write them", () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(999), fc.boolean(), (seconds, ms, asMinutes) => {
      const text = asMinutes
        ? `${Math.floor(seconds / 60)}m${seconds % 60}.${String(ms).padStart(3, "0")}s`
        : `${seconds}s${ms}ms`;
      assert.equal(readDuration(text), seconds + (ms >= 500 ? 1 : 0));
    }),
    { numRuns: 500, seed: 23 },
  );
});

const key = fc.constantFrom(
  ...["metadata", "spec", "status", "data", "labels", "bgp", "cidr", "peerIP", "asNumber", "importV4", "prefixLength"],
  ...["loadBalancer", "ingress", "endpoints", "conditions", "operations", "communities", "prefixAdvertisements"],
);
const leaf = fc.oneof(
  fc.string(),
  fc.constantFrom("10.0.0.0/8", "fd00::1", "", "has(a)", "Accept", "1:1"),
  fc.anything(),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium" },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 6 }),
  ),
}));

test("no object makes a parser throw, and every fault is one line", () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), tree, tree, tree, (kind, metadata, spec, status) => {
      for (const object of [spec, { metadata, spec, status, data: spec, endpoints: spec }]) {
        const result = parseResource(kind, "x", object);
        if (!result.ok) assert.ok(result.faults.length > 0);
        if (!result.ok) for (const fault of result.faults) assert.match(fault, /^[^\n]+$/);
      }
    }),
    { numRuns: 5000, seed: 24 },
  );
});

/** Forms of two resources of several kinds: the valid ones first. */
const FORMS: readonly (readonly [Kind, valid: readonly unknown[], invalid: readonly unknown[]])[] = [
  [
    "Node",
    [{}, { bgp: { ipv4Address: "10.0.0.1/24" } }, { bgp: { ipv4Address: "10.0.0.2/24", asNumber: 1 } }],
    [{ bgp: {} }, { bgp: { asNumber: "x" } }],
  ],
  [
    "BGPPeer",
    [
      { peerIP: "10.0.0.9", asNumber: 1 },
      { peerSelector: "has(a)", filters: ["f"] },
      { peerSelector: "has( a )", filters: ["f"] },
    ],
    [{}, { peerIP: "x" }],
  ],
  [
    "IPPool",
    [{ cidr: "10.0.0.0/8" }, { cidr: "10.0.0.0/8", vxlanMode: "Always" }],
    [{ cidr: "10.0.0.0/8", ipipMode: "x" }, {}],
  ],
  ["BGPFilter", [{}, { importV4: [{ action: "Accept" }] }], [{ importV4: [{}] }]],
];

type Step = { readonly remove: true; readonly kind: Kind; readonly name: string } | { readonly stored: StoredObject };

const step: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom(...FORMS), fc.constantFrom("b", "a", "c"), fc.nat(8), fc.nat(4))
  .map(([[kind, valid, invalid], name, form, version]) => {
    if (form === 8) return { remove: true, kind, name };
    if (form === 7) return { stored: { kind, name, fault: "not JSON", origin: "x" } };
    const forms = [...valid, ...invalid];
    const object = { kind, metadata: { name, resourceVersion: `${version}` }, spec: forms[form % forms.length] };
    return { stored: { kind, name, object, origin: "x" } };
  });

const isValid = ({ kind, name, object }: StoredObject) => object !== undefined && parseResource(kind, name, object).ok;

test("any sequence of changes leaves the view that a fresh table has of the last valid and the present forms", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.func(fc.boolean()), (steps, looks) => {
      const table = createResourceTable();
      const valid = new Map<string, StoredObject>();
      const present = new Map<string, StoredObject>();
      for (const [i, one] of steps.entries()) {
        const [kind, name] = "remove" in one ? [one.kind, one.name] : [one.stored.kind, one.stored.name];
        const before = table.view[kind].get(name);
        const changed = "remove" in one ? table.remove(kind, name) : table.apply(one.stored);
        assert.equal(changed, table.view[kind].get(name) !== before);
        assert.equal(table.changed().has(kind), changed);
        const key = `${kind}/${name}`;
        if ("remove" in one) {
          valid.delete(key);
          present.delete(key);
        } else {
          if (isValid(one.stored)) valid.set(key, one.stored);
          present.set(key, one.stored);
        }
        if (looks(i)) assert.deepEqual([...table.view[kind].keys()], [...table.view[kind].keys()].toSorted());
      }
      const fresh = createResourceTable();
      for (const stored of valid.values()) fresh.apply(stored);
      for (const stored of present.values()) fresh.apply(stored);
      for (const kind of KINDS) assert.deepEqual(plain([...table.view[kind]]), plain([...fresh.view[kind]]));
    }),
    { numRuns: 500, seed: 25 },
  );
});

test("keys added in any order, with deletions between, are read in order", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.nat(3))), (changes) => {
      const table = createResourceTable();
      const names = new Set<string>();
      for (const [name, what] of changes) {
        if (what === 0) {
          table.remove("Node", name);
          names.delete(name);
        } else {
          table.apply({ kind: "Node", name, object: {}, origin: "" });
          names.add(name);
        }
        if (what === 1) assert.deepEqual([...table.view.Node.keys()], [...names].toSorted());
      }
      assert.deepEqual([...table.view.Node.keys()], [...names].toSorted());
    }),
    { numRuns: 300, seed: 26 },
  );
});
