import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connectSpec, listeners } from "../../src/daemon/settings.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { configOf } from "./world.ts";

const config = (listen: string, ...peers: string[]) =>
  configOf(`router: { id: 10.0.0.1, asn: 64512, listen: ${listen} }
peers: [${peers.map((one, i) => `{ name: p${i}, ${one} }`).join(", ")}]
`);

const EVERYWHERE = '[{ address: 0.0.0.0 }, { address: "::" }]';
const EBGP = "asn: 65001, import: accept, export: accept";
const IBGP = "asn: 64512";

describe("how we connect", () => {
  const spec = (peer: string) => {
    const made = config(EVERYWHERE, peer);
    const { remote, local, ...rest } = connectSpec(made, made.peers[0]!);
    return {
      to: `${formatAddress(remote.address)} ${remote.port}`,
      ...(local && { from: formatAddress(local) }),
      ...rest,
    };
  };

  for (const [claim, peer, wanted] of [
    ["an external peer on the link: TTL 1", `address: 10.0.0.2, ${EBGP}`, { ttl: 1 }],
    ["an internal peer: the system's TTL", `address: 10.0.0.2, ${IBGP}`, {}],
    ["several hops: the system's TTL", `address: 10.0.0.2, ${EBGP}, multihop: true`, {}],
    ["several hops, counted: that TTL", `address: 10.0.0.2, ${EBGP}, multihop: 5`, { ttl: 5 }],
    ["GTSM one hop: 255 both ways", `address: 10.0.0.2, ${EBGP}, ttlSecurity: 1`, { ttl: 255, minTtl: 255 }],
    ["GTSM three hops", `address: 10.0.0.2, ${EBGP}, multihop: true, ttlSecurity: 3`, { ttl: 255, minTtl: 253 }],
    ["another port", `address: 10.0.0.2, ${IBGP}, port: 1179`, { to: "10.0.0.2 1179" }],
    ["a source address", `address: 10.0.0.2, ${IBGP}, localAddress: 10.0.0.9`, { from: "10.0.0.9" }],
    ["a device", `address: 10.0.0.2, ${IBGP}, interface: eth1`, { interface: "eth1" }],
    ["a link-local peer: bound to its zone", `address: "fe80::2%eth1"`, { to: "fe80::2%eth1 179", interface: "eth1" }],
    ["a key", `address: 10.0.0.2, ${IBGP}, password: secret`, { md5Key: "secret" }],
  ] as const)
    test(claim, () => {
      assert.deepEqual(spec(peer.includes("asn") ? peer : `${peer}, ${IBGP}`), { to: "10.0.0.2 179", ...wanted });
    });
});

describe("what listeners are given", () => {
  const keys = (listen: string, ...peers: string[]) =>
    listeners(config(listen, ...peers)).map(({ local, interface: device, keys, minTtl }) => ({
      at: `${formatAddress(local.address)} ${local.port}${device === undefined ? "" : ` ${device}`}`,
      keys: keys.map(
        (key) =>
          `${formatAddress(key.remote)}${key.prefixLength === undefined ? "" : `/${key.prefixLength}`}${key.interface === undefined ? "" : ` ${key.interface}`} ${key.md5Key}`,
      ),
      minTtl,
    }));

  test("each family its own keys, hosts and ranges, on every port", () => {
    assert.deepEqual(
      keys(
        '[{ address: 0.0.0.0 }, { address: 10.0.0.1, port: 1179 }, { address: "::" }]',
        `address: 10.0.0.2, ${IBGP}, password: a`,
        `address: "2001:db8::2", ${IBGP}, password: b`,
        `prefix: 10.1.0.0/16, ${IBGP}, password: c`,
        `address: 10.0.0.3, ${IBGP}, password: d, disabled: true`,
      ),
      [
        { at: "0.0.0.0 179", keys: ["10.0.0.2 a", "10.1.0.0/16 c"], minTtl: undefined },
        { at: "10.0.0.1 1179", keys: ["10.0.0.2 a", "10.1.0.0/16 c"], minTtl: undefined },
        { at: ":: 179", keys: ["2001:db8::2 b"], minTtl: undefined },
      ],
    );
  });

  test("one that is bound to a device has the keys of who may arrive there: link-local neighbours differ by device", () => {
    assert.deepEqual(
      keys(
        '[{ address: "::", interface: eth0 }, { address: "::", interface: eth1 }]',
        `address: "fe80::2%eth0", ${IBGP}, password: a`,
        `address: "fe80::2%eth1", ${IBGP}, password: b`,
        `address: "2001:db8::2", ${IBGP}, password: c`,
      ).map(({ at, keys: each }) => [at, each]),
      [
        [":: 179 eth0", ["fe80::2%eth0 a", "2001:db8::2 c"]],
        [":: 179 eth1", ["fe80::2%eth1 b", "2001:db8::2 c"]],
      ],
    );
  });

  test("a peer's device goes with its key, for where it is a VRF", () => {
    const [only] = keys("[{ address: 0.0.0.0 }]", `address: 10.0.0.2, ${IBGP}, password: a, interface: red`);
    assert.deepEqual(only!.keys, ["10.0.0.2 red a"]);
  });

  test("where all use GTSM the handshake is held to the farthest of them, else to none", () => {
    const near = `address: 10.0.0.2, ${EBGP}, ttlSecurity: 1`;
    const far = `address: 10.0.0.3, ${EBGP}, multihop: true, ttlSecurity: 3`;
    const minTtl = (...peers: string[]) => keys(EVERYWHERE, ...peers).map((one) => one.minTtl);
    assert.deepEqual(minTtl(near), [255, undefined]);
    assert.deepEqual(minTtl(near, far), [253, undefined]);
    assert.deepEqual(minTtl(near, `address: 10.0.0.4, ${EBGP}`), [undefined, undefined]);
    assert.deepEqual(minTtl(near, `prefix: 10.1.0.0/16, ${EBGP}`), [undefined, undefined]);
  });
});
