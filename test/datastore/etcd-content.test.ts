/** The pure parts of the etcd datastore: the layout of keys, and the environment that says where etcd is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { DatastoreEvent, StoredObject } from "../../src/confgen/datastore/datastore.ts";
import { createEtcdContent, type EtcdPair } from "../../src/confgen/datastore/etcd-content.ts";
import { rangeEnd } from "../../src/confgen/datastore/etcd-keys.ts";
import { etcdOptionsFrom, namesEtcd } from "../../src/confgen/datastore/etcd-options.ts";
import { createKnownObjects } from "../../src/confgen/datastore/known-objects.ts";

const R = "/calico/resources/v3/projectcalico.org";
const AFFINITY = "/calico/ipam/v2/host/n1";
const V1 = "/calico/bgp/v1";

/** Content, and the view that its events lead to. */
function contentOf(layout: "v3" | "v1" = "v3", podCidrs = false) {
  const view = new Map<string, StoredObject>();
  const events: DatastoreEvent[] = [];
  const known = createKnownObjects((event) => {
    events.push(event);
    if (event.type === "set") view.set(`${event.stored.kind}/${event.stored.name}`, event.stored);
    if (event.type === "delete") assert.ok(view.delete(`${event.kind}/${event.name}`), "what is deleted was there");
  });
  const content = createEtcdContent({ node: "n1", podCidrs, layout, known, hash: (text) => text });
  const indexOf = (key: string) => content.prefixes.findIndex((prefix) => key.startsWith(prefix));
  return {
    view,
    events,
    content,
    put: (key: string, value: string) => content.change(indexOf(key), [{ key, value }]),
    remove: (key: string) => content.change(indexOf(key), [{ key }]),
    replace: (pairs: readonly EtcdPair[]) =>
      content.replace(content.prefixes.map((prefix) => pairs.filter(([key]) => key.startsWith(prefix)))),
  };
}

describe("the keys of v3", () => {
  test("a resource is the object in its value, with the kind and the name of its key", () => {
    const { view, put } = contentOf();
    put(
      `${R}/bgppeers/tor-1`,
      '{"kind":"Wrong","metadata":{"name":"wrong","labels":{"a":"b"}},"spec":{"asNumber":65001}}',
    );
    assert.deepEqual(view.get("BGPPeer/tor-1"), {
      kind: "BGPPeer",
      name: "tor-1",
      object: { kind: "BGPPeer", metadata: { name: "tor-1", labels: { a: "b" } }, spec: { asNumber: 65001 } },
      origin: `${R}/bgppeers/tor-1`,
    });
  });

  test("only what BGP depends on is read, and of IPAM only what the node has", () => {
    assert.deepEqual(contentOf().content.prefixes, [
      `${R}/nodes/`,
      `${R}/bgpconfigurations/`,
      `${R}/bgppeers/`,
      `${R}/bgpfilters/`,
      `${R}/ippools/`,
      `${AFFINITY}/`,
    ]);
    assert.equal(contentOf("v3", true).content.prefixes.length, 5);
  });

  for (const { value, spec } of [
    { value: "", spec: { state: "" } },
    { value: "{}", spec: { state: "" } },
    { value: '{"state":"confirmed","deleted":false}', spec: { state: "confirmed", deleted: false } },
    { value: '{"state":"pendingDeletion","deleted":true}', spec: { state: "pendingDeletion", deleted: true } },
  ])
    for (const { block, cidr, name } of [
      { block: "ipv4/block/10.1.0.0-26", cidr: "10.1.0.0/26", name: "n1-10-1-0-0-26" },
      { block: "ipv6/block/fd00:1:2::-122", cidr: "fd00:1:2::/122", name: "n1-fd00-1-2---122" },
    ])
      test(`the affinity of ${cidr} with ${value || "no value"} is read`, () => {
        const { view, put, remove } = contentOf();
        put(`${AFFINITY}/${block}`, value);
        assert.deepEqual(view.get(`BlockAffinity/${name}`)?.object, {
          kind: "BlockAffinity",
          metadata: { name },
          spec: { cidr, node: "n1", type: "host", ...spec },
        });
        remove(`${AFFINITY}/${block}`);
        assert.equal(view.size, 0);
      });

  for (const value of ["", "{", "[]", "null", '"text"', "7"])
    test(`a value ${JSON.stringify(value)} is a fault of that resource`, () => {
      const { view, put } = contentOf();
      put(`${R}/nodes/n1`, value);
      const stored = view.get("Node/n1");
      assert.equal(stored?.object, undefined);
      assert.match(stored?.fault ?? "", /^the value is /);
    });

  for (const key of [`${R}/bgppeers/`, `${R}/bgppeers/a/b`, `${AFFINITY}/ipv4/handle/x`, `${AFFINITY}/ipv4/block/a/b`])
    test(`${key} is no resource`, () => {
      const { events, put, remove } = contentOf();
      put(key, "{}");
      remove(key);
      assert.deepEqual(events, []);
    });

  test("a range ends before whatever does not begin with its prefix", () => {
    const end = rangeEnd(`${R}/nodes/`);
    assert.ok(`${R}/nodes/\u{10ffff}` < end);
    assert.ok(end <= `${R}/nodes0`);
  });
});

describe("the keys of v1", () => {
  test("peers, pools, nodes and settings are given in the form of v3", () => {
    const { view, replace } = contentOf("v1");
    replace([
      [`${V1}/global/as_num`, "64512"],
      [`${V1}/global/node_mesh`, '{"enabled":false}'],
      [`${V1}/host/n1/ip_addr_v4`, "10.0.0.1"],
      [`${V1}/host/n1/as_num`, "64513"],
      [`${V1}/host/n1/peer_v4/10.0.0.9`, '{"ip":"10.0.0.9","as_num":"65001"}'],
      ["/calico/v1/ipam/v4/pool/192.168.0.0-16", '{"cidr":"192.168.0.0/16","ipip":"tunl0","masquerade":true}'],
      [`${AFFINITY}/ipv4/block/10.1.0.0-26`, ""],
    ]);
    assert.deepEqual([...view.keys()].sort(), [
      "BGPConfiguration/default",
      "BGPPeer/n1.10-0-0-9",
      "BlockAffinity/n1-10-1-0-0-26",
      "IPPool/192-168-0-0-16",
      "Node/n1",
    ]);
    assert.deepEqual(view.get("BGPConfiguration/default")?.object?.spec, {
      asNumber: 64512,
      nodeToNodeMeshEnabled: false,
    });
  });

  test("a key that changes is said of the object that it belongs to, and of no other", () => {
    const { view, events, put, remove } = contentOf("v1");
    put(`${V1}/host/n1/ip_addr_v4`, "10.0.0.1");
    put(`${V1}/host/n2/ip_addr_v4`, "10.0.0.2");
    const before = events.length;
    put(`${V1}/host/n2/as_num`, "64513");
    assert.deepEqual(view.get("Node/n2")?.object?.spec, { bgp: { asNumber: 64513, ipv4Address: "10.0.0.2" } });
    assert.equal(events.length, before + 1);
    remove(`${V1}/host/n2/as_num`);
    remove(`${V1}/host/n2/ip_addr_v4`);
    assert.deepEqual([...view.keys()], ["Node/n1"]);
  });

  for (const { key, value, of } of [
    { key: `${V1}/global/as_num`, value: "many", of: "BGPConfiguration/default" },
    { key: `${V1}/global/peer_v4/10.0.0.9`, value: "{", of: "BGPPeer/10-0-0-9" },
    { key: `${V1}/host/N1/peer_v6/fd00::9`, value: '{"as_num":"x"}', of: "BGPPeer/n1.fd00--9" },
    { key: `${V1}/host/n1/as_num`, value: "x", of: "Node/n1" },
    { key: "/calico/v1/ipam/v4/pool/10.0.0.0-8", value: "[]", of: "IPPool/10-0-0-0-8" },
  ])
    test(`${key} that cannot be read is a fault of ${of}`, () => {
      const { view, put } = contentOf("v1");
      put(key, value);
      assert.deepEqual([...view.keys()], [of]);
      assert.equal(view.get(of)?.object, undefined);
      assert.ok(view.get(of)?.fault);
      assert.equal(view.get(of)?.origin, key);
    });
});

describe("any changes", () => {
  const keys = {
    v3: [
      `${R}/nodes/n1`,
      `${R}/bgppeers/a`,
      `${R}/bgppeers/b`,
      `${R}/bgppeers/x/y`,
      `${AFFINITY}/ipv4/block/10.1.0.0-26`,
    ],
    v1: [
      `${V1}/global/as_num`,
      `${V1}/global/loglevel`,
      `${V1}/global/peer_v4/10.0.0.9`,
      `${V1}/host/n1/ip_addr_v4`,
      `${V1}/host/n1/as_num`,
      `${V1}/host/N1/peer_v4/10.0.0.9`,
      "/calico/v1/ipam/v4/pool/10.0.0.0-8",
      `${AFFINITY}/ipv4/block/10.1.0.0-26`,
    ],
  };
  const values = ["", "{}", "{", "64512", "10.0.0.1", '{"as_num":"65001","ip":"10.0.0.9"}', '{"cidr":"10.0.0.0/8"}'];
  for (const layout of ["v3", "v1"] as const)
    test(`${layout}: they end as a listing of what is left does, and nothing is said twice`, () => {
      const step = fc.record({
        key: fc.constantFrom(...keys[layout]),
        value: fc.option(fc.constantFrom(...values)),
        relist: fc.nat(6).map((chance) => chance === 0),
      });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const store = new Map<string, string>();
          const followed = contentOf(layout);
          for (const { key, value, relist } of steps) {
            if (value === null) store.delete(key);
            else store.set(key, value);
            if (relist) followed.replace([...store]);
            else if (value === null) followed.remove(key);
            else followed.put(key, value);
          }
          const before = followed.events.length;
          followed.replace([...store]);
          assert.equal(followed.events.length, before, "a listing of the same says nothing");
          const fresh = contentOf(layout);
          fresh.replace([...store]);
          const sorted = (view: ReadonlyMap<string, StoredObject>) => [...view].sort(([a], [b]) => (a < b ? -1 : 1));
          assert.deepEqual(sorted(followed.view), sorted(fresh.view));
        }),
        { seed: 20261120, numRuns: 300 },
      );
    });
});

describe("the environment", () => {
  const fine = (environment: Record<string, string>) => {
    const parsed = etcdOptionsFrom(environment);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    return parsed.options;
  };
  const problems = (environment: Record<string, string>) => {
    const parsed = etcdOptionsFrom(environment);
    return parsed.ok ? [] : parsed.problems;
  };
  const ETCD_ENDPOINTS = "http://127.0.0.1:2379";

  for (const { text, files, expected } of [
    { text: "http://10.0.0.1:2379", files: false, expected: ["http://10.0.0.1:2379"] },
    { text: " https://a:1 , https://b ,", files: false, expected: ["https://a:1", "https://b:2379"] },
    {
      text: "10.0.0.1:2379,etcd.example.org",
      files: false,
      expected: ["http://10.0.0.1:2379", "http://etcd.example.org:2379"],
    },
    { text: "10.0.0.1", files: true, expected: ["https://10.0.0.1:2379"] },
    { text: "https://[FD00::1]:2380/", files: false, expected: ["https://[fd00::1]:2380"] },
  ])
    test(`ETCD_ENDPOINTS="${text}"${files ? " with certificates" : ""} is ${expected}`, () => {
      const certificates = files ? { ETCD_CA_CERT_FILE: "/ca" } : {};
      assert.deepEqual(fine({ ETCD_ENDPOINTS: text, ...certificates }).endpoints, expected);
    });

  for (const text of [
    "ftp://a:1",
    "http://a:0",
    "http://a:65536",
    "http://",
    "http://a/path",
    "unix:///run/etcd",
    "http://u:p@a",
  ])
    test(`ETCD_ENDPOINTS="${text}" is no endpoint`, () => {
      assert.match(problems({ ETCD_ENDPOINTS: text })[0] ?? "", /^ETCD_ENDPOINTS: .* is no URL such as/);
    });

  test("every variable has its place, and with CALICO_ before it comes first; empty is unset", () => {
    const given = {
      ETCD_USERNAME: "u",
      ETCD_PASSWORD: "p",
      ETCD_CA_CERT_FILE: "/ca",
      ETCD_CERT_FILE: "/cert",
      ETCD_KEY_FILE: "/key",
    };
    const expected = { username: "u", password: "p", caFile: "/ca", certFile: "/cert", keyFile: "/key" };
    const endpoints = [ETCD_ENDPOINTS];
    assert.deepEqual(fine({ ETCD_ENDPOINTS, ...given }), { endpoints, ...expected });
    const prefixed = Object.fromEntries(Object.entries(given).map(([name, value]) => [`CALICO_${name}`, value]));
    const others = Object.fromEntries(Object.keys(given).map((name) => [name, "other"]));
    assert.deepEqual(fine({ ETCD_ENDPOINTS, ...others, ...prefixed }), { endpoints, ...expected });
    const empty = Object.fromEntries(Object.keys(given).map((name) => [`CALICO_${name}`, ""]));
    assert.deepEqual(fine({ ETCD_ENDPOINTS, ...given, ...empty }), { endpoints, ...expected });
    assert.deepEqual(fine({ ETCD_DISCOVERY_SRV: "example.org" }), { endpoints: [], discoverySrv: "example.org" });
    assert.equal(fine({ ETCD_ENDPOINTS, CALIDRIS_ETCD_LAYOUT: "v1" }).layout, "v1");
  });

  for (const [claim, environment, expected] of [
    ["no endpoint", {}, /names no endpoint/],
    ["two ways to find it", { ETCD_ENDPOINTS, ETCD_DISCOVERY_SRV: "a" }, /only one of them/],
    [
      "a certificate without its key",
      { ETCD_ENDPOINTS, ETCD_CERT_FILE: "/c" },
      /ETCD_CERT_FILE is set without ETCD_KEY_FILE/,
    ],
    [
      "a key without its certificate",
      { ETCD_ENDPOINTS, ETCD_KEY_FILE: "/k" },
      /ETCD_KEY_FILE is set without ETCD_CERT_FILE/,
    ],
    [
      "a password without its user",
      { ETCD_ENDPOINTS, ETCD_PASSWORD: "p" },
      /ETCD_PASSWORD is set without ETCD_USERNAME/,
    ],
    ["a user without a password", { ETCD_ENDPOINTS, ETCD_USERNAME: "u" }, /ETCD_USERNAME is set without ETCD_PASSWORD/],
    ["a layout that there is not", { ETCD_ENDPOINTS, CALIDRIS_ETCD_LAYOUT: "v2" }, /"v2" is none of v3, v1/],
  ] as const)
    test(`${claim} is a problem, and the secret is not in its text`, () => {
      assert.match(problems(environment).join("\n"), expected);
    });

  test("etcd is named by its endpoints or by a domain, with either prefix", () => {
    assert.equal(namesEtcd({}), false);
    assert.equal(namesEtcd({ ETCD_ENDPOINTS: "" }), false);
    assert.equal(namesEtcd({ CALICO_ETCD_ENDPOINTS: "a" }), true);
    assert.equal(namesEtcd({ ETCD_DISCOVERY_SRV: "a" }), true);
  });
});
