import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import type { PeerGroup } from "../../../src/confgen/compile/document.ts";
import type { Session } from "../../../src/confgen/compile/session.ts";
import { peerFile, peerPath } from "../../../src/confgen/print/peer-file.ts";

const SEED = 20261120;

const plainGroup: PeerGroup = {
  name: "calico-ipv4",
  comment: "",
  family: "ipv4",
  passiveByAddress: false,
  import: "import-ipv4",
  export: "export-ipv4",
};
const meshGroup: PeerGroup = {
  ...plainGroup,
  name: "mesh-ipv4",
  asn: 64512,
  localAddress: "10.0.0.5",
  passiveByAddress: true,
};

const plainSession: Session = {
  name: "Global_10_0_0_9",
  kind: "global",
  family: "ipv4",
  address: "10.0.0.9",
  asn: 64512,
  internal: true,
  passive: false,
  reflectorClient: false,
  nextHop: "auto",
  allowOwnAs: 0,
  filters: [],
  origin: "BGPPeer/a",
};

function printed(
  session: Partial<Session>,
  group = plainGroup,
  names = { import: "import-ipv4", export: "export-ipv4" },
) {
  const file = peerFile({ session: { ...plainSession, ...session }, group, ...names }, 64512);
  return { ...file, value: parse(file.text) as Record<string, unknown> };
}

describe("a peer's file", () => {
  const always = { name: "Global_10_0_0_9", group: "calico-ipv4", address: "10.0.0.9", asn: 64512 };
  const table: [string, Partial<Session>, Record<string, unknown>][] = [
    ["nothing special", {}, {}],
    ["port", { port: 180 }, { port: 180 }],
    ["source address", { sourceAddress: "10.0.0.1" }, { localAddress: "10.0.0.1" }],
    ["passive", { passive: true }, { passive: true }],
    ["reflector client", { reflectorClient: true }, { routeReflectorClient: true }],
    ["next hop", { nextHop: "self" }, { nextHop: "self" }],
    ["GTSM", { ttlSecurity: 2 }, { ttlSecurity: 2 }],
    ["own AS", { allowOwnAs: 1 }, { allowOwnAs: 1 }],
    ["restart time", { restartTime: 10 }, { gracefulRestart: { restartTime: "10s" } }],
    ["keepalive", { keepaliveTime: 7 }, { timers: { keepalive: "7s" } }],
    ["password", { password: "it's # secret" }, { password: "it's # secret" }],
    ["held down", { held: 'the Secret "x" is missing' }, { disabled: 'the Secret "x" is missing' }],
    [
      "another AS of ours, external: as BIRD's `local as`",
      { localAsn: 65001, internal: false },
      { localAs: { asn: 65001, noPrepend: true, replaceAs: true } },
    ],
    ["another AS of ours, internal: there is nothing to put in front", { localAsn: 65001 }, { localAs: 65001 }],
    ["the node's AS as AS of the session changes nothing", { localAsn: 64512 }, {}],
  ];
  for (const [claim, session, more] of table)
    test(claim, () => assert.deepEqual(printed(session).value, { ...always, ...more }));
  test("policies that are not the group's", () =>
    assert.deepEqual(printed({}, plainGroup, { import: "import-ipv4+f", export: "reject" }).value, {
      ...always,
      import: "import-ipv4+f",
      export: "reject",
    }));
  test("says where it comes from", () =>
    assert.match(printed({ origin: "BGPPeer/a, Node/n\n2" }).text, /^# BGPPeer\/a, Node\/n 2\n/));
  test("is secret with a password", () => {
    assert.equal(printed({}).secret, false);
    assert.equal(printed({ password: "a" }).secret, true);
  });
});

describe("what the group says is not said again", () => {
  const mesh = {
    ...plainSession,
    name: "Mesh_10_0_0_9",
    kind: "mesh" as const,
    sourceAddress: "10.0.0.5",
    passive: true,
  };
  test("in the mesh: name and address are left", () =>
    assert.deepEqual(printed(mesh, meshGroup).value, {
      name: "Mesh_10_0_0_9",
      group: "mesh-ipv4",
      address: "10.0.0.9",
    }));
  test("by address who connects: text, not number", () => {
    const far = { ...mesh, address: "10.0.0.10", passive: false };
    assert.equal(printed(far, meshGroup).value.passive, undefined);
    assert.equal(printed({ ...far, passive: true }, meshGroup).value.passive, true);
  });
  test("another AS is said", () => assert.equal(printed({ ...mesh, asn: 65001 }, meshGroup).value.asn, 65001));
  test("a password of the group is not in the peer's file", () => {
    const file = printed({ ...mesh, password: "p" }, { ...meshGroup, password: "p" });
    assert.deepEqual([file.value.password, file.secret], [undefined, false]);
  });
});

test("whatever text a session has is read back as it was", () => {
  const text = fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: "binary" }));
  fc.assert(
    fc.property(text, text, text, text, (password, held, origin, sourceAddress) => {
      const { value } = printed({ password, held, origin, sourceAddress });
      assert.deepEqual([value.password, value.disabled, value.localAddress], [password, held, sourceAddress]);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

describe("names of files", () => {
  test("letters, digits, underscore, dot and hyphen stand as they are", () =>
    assert.equal(peerPath("Global_10_0_0_1_port_180"), "peers/Global_10_0_0_1_port_180.yaml"));
  test("other characters do not leave the folder", () => assert.equal(peerPath("../a%b"), "peers/..=2fa=25b.yaml"));
  test("different names have different files", () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => a === b || peerPath(a) !== peerPath(b)),
      { seed: SEED },
    ));
});
