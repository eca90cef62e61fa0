import assert from "node:assert/strict";
import { test } from "node:test";
import { bgpConfiguration, bgpPeer, inputOf, node, secret } from "../resource-builders.ts";
import { sessionsOf } from "./brief.ts";
import { type Claim, checkClaims, n1, noMesh, torPeer } from "./claims.ts";

const withPassword = torPeer("a", { password: { name: "s", key: "k" } });
const held = (reason: string) => [`Global_10_0_9_1 as 65000 external held: ${reason}`];

const passwords: Claim[] = [
  {
    claim: "a password comes from the key of the Secret in kube-system, as it is",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: " p w " })],
    sessions: ["Global_10_0_9_1 as 65000 external password  p w "],
    codes: [],
  },
  {
    claim: "NAMESPACE says where Secrets are",
    changes: { environment: { NAMESPACE: "calico-system" } },
    resources: [noMesh, n1, withPassword, secret("calico-system/s", { k: "p" }), secret("kube-system/s", { k: "q" })],
    sessions: ["Global_10_0_9_1 as 65000 external password p"],
    codes: [],
  },
  {
    claim: "a missing Secret holds the session down",
    resources: [noMesh, n1, withPassword],
    sessions: held("the Secret kube-system/s is missing"),
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "a missing key holds the session down, even one that every object inherits",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: { name: "s", key: "toString" } }),
      secret("kube-system/s", { b: "p" }),
    ],
    sessions: held("the Secret kube-system/s has no key toString"),
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "an empty value holds the session down",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: "" })],
    sessions: held("the key k of the Secret kube-system/s is empty"),
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "where it is wanted so, a session runs without the password that is missing",
    changes: { missingPassword: "open" },
    resources: [noMesh, n1, withPassword],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "80 octets are a password",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: "ü".repeat(40) })],
    sessions: [`Global_10_0_9_1 as 65000 external password ${"ü".repeat(40)}`],
    codes: [],
  },
  {
    claim: "more than 80 octets hold the session down, even where a missing password would not",
    changes: { missingPassword: "open" },
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: `${"ü".repeat(40)}a` })],
    sessions: held(
      "the key k of the Secret kube-system/s cannot be a password: expected a password of 1 to 80 octets, not 81",
    ),
    codes: ["password-unusable BGPPeer/a"],
  },
  {
    claim: "a line break at the end is part of the password, and worth a warning",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: "p\n" })],
    sessions: ["Global_10_0_9_1 as 65000 external password p\n"],
    codes: ["password-line-break BGPPeer/a"],
  },
  {
    claim: "a Secret that is no longer valid keeps its last valid form",
    resources: [
      noMesh,
      n1,
      withPassword,
      { kind: "Secret", name: "kube-system/s", faults: ["no data"], value: secret("kube-system/s", { k: "p" }) },
    ],
    sessions: ["Global_10_0_9_1 as 65000 external password p"],
    codes: ["invalid-kept Secret/kube-system/s"],
  },
  {
    claim: "a Secret that is not valid and never was holds the session down",
    resources: [noMesh, n1, withPassword, { kind: "Secret", name: "kube-system/s", faults: ["no data"] }],
    sessions: held("the Secret kube-system/s cannot be read, or is not valid"),
    codes: ["password-missing BGPPeer/a", "invalid Secret/kube-system/s"],
  },
  {
    claim: "a mesh whose password is missing is held down, and one finding says so",
    resources: [
      bgpConfiguration("default", { meshPassword: { name: "s", key: "k" } }),
      n1,
      node("n2", { ipv4: "10.0.0.1" }),
      node("n3", { ipv4: "10.0.0.11" }),
    ],
    sessions: [
      "Mesh_10_0_0_1 as 64512 held: the Secret kube-system/s is missing",
      "Mesh_10_0_0_11 as 64512 held: the Secret kube-system/s is missing",
    ],
    codes: ["password-missing BGPConfiguration/default"],
  },
];

checkClaims(passwords);

test("the Secrets to be watched are those that our sessions need, each once", () => {
  const ours = { name: "ours", key: "a" };
  const { secrets } = sessionsOf(
    inputOf([
      bgpConfiguration("default", { meshPassword: { name: "mesh", key: "a" } }),
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: ours }),
      bgpPeer("b", { node: "n1", address: "10.0.9.2", asn: 65000, password: { ...ours, key: "b" } }),
      bgpPeer("c", { node: "n2", address: "10.0.9.2", asn: 65000, password: { name: "theirs", key: "b" } }),
      bgpPeer("d", { node: "n2", peerSelector: "rack == 'a'", password: { name: "mirrored", key: "b" } }),
    ]),
  );
  assert.deepEqual(secrets, ["kube-system/mesh", "kube-system/mirrored", "kube-system/ours"]);
});

test("the password of a mesh that our node has no part in is not watched", () => {
  const { secrets } = sessionsOf(
    inputOf([
      bgpConfiguration("default", { meshPassword: { name: "mesh", key: "a" } }),
      node("n1", { ipv4: "10.0.0.2", clusterId: "1.1.1.1" }),
    ]),
  );
  assert.deepEqual(secrets, []);
});

test("the reason why a session is held down is one line that the configuration has room for", () => {
  const name = "n".repeat(250);
  const { sessions } = sessionsOf(
    inputOf([
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: { name, key: "k\nk" } }),
      secret(`kube-system/${name}`, {}),
    ]),
  );
  assert.match(sessions[0]!.held!, /^[^\p{Cc}]{255}$/u);
});
