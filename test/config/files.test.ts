import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createParseCache, parseConfig } from "../../src/config/parse.ts";
import { problems } from "./samples.ts";

const files = (texts: Readonly<Record<string, string>>) =>
  Object.entries(texts).map(([path, text]) => ({ path, text }));
const lines = (texts: Readonly<Record<string, string>>) => problems(parseConfig(files(texts)));

describe("a directory is read as one", () => {
  test("files hold any keys; below peers/ a file may be a peer, a list of peers, or as any other", () => {
    const result = parseConfig(
      files({
        "d/b.yaml": "policies: { out: [{ action: accept }] }\nkernel: { export: out }\n",
        "d/a.yaml": "router: { asn: 1 }\npeers: [{ name: a, address: 10.0.0.1, asn: 1, export: out }]\n",
        "d/peers/one.yaml": "name: b\naddress: 10.0.0.2\nasn: 1\n",
        "d/peers/list.yaml": "- { name: c, address: 10.0.0.3, asn: 1 }\n- { name: d, address: 10.0.0.4, asn: 1 }\n",
        "d/peers/whole.yaml": "peers: [{ name: e, address: 10.0.0.5, asn: 1 }]\nlimits: { routes: 9 }\n",
        "d/peers/empty.yaml": "# nothing yet\n",
      }),
    );
    assert.deepEqual(problems(result), []);
    assert.ok(result.ok);
    assert.deepEqual(
      result.config.peers.map(({ name, origin }) => [name, origin.file, origin.line]),
      [
        ["a", "d/a.yaml", 2],
        ["c", "d/peers/list.yaml", 1],
        ["d", "d/peers/list.yaml", 2],
        ["b", "d/peers/one.yaml", 1],
        ["e", "d/peers/whole.yaml", 1],
      ],
    );
    assert.equal(result.config.limits.routes, 9);
  });

  test("the order in which files are given does not matter", () => {
    const list = files({
      "a.yaml": "router: { asn: 1 }\nstatic: { prefix: 10.0.0.0/8, blackhole: true }",
      "b.yaml": "static: { prefix: 11.0.0.0/8, blackhole: true }",
    });
    assert.deepEqual(parseConfig(list), parseConfig([...list].reverse()));
  });

  const rows: readonly (readonly [string, Readonly<Record<string, string>>, string[]])[] = [
    [
      "the same scalar twice is no fault when it is equal",
      { "a.yaml": "router: { asn: 1, id: 1.1.1.1 }", "b.yaml": "router: { asn: 1 }" },
      [],
    ],
    [
      "a scalar defined differently names both places",
      { "a.yaml": "\nrouter:\n  asn: 1\n", "b.yaml": "router: { asn: 2 }" },
      ["b.yaml:1: router.asn: differs from the same key at a.yaml:3; keep one of them"],
    ],
    [
      "a policy defined twice names both places",
      { "a.yaml": "router: { asn: 1 }\npolicies: { p: [] }", "b.yaml": "policies:\n  p: []" },
      ["b.yaml:2: policies.p: policy `p` is defined at a.yaml:2 already"],
    ],
    [
      "a peer defined twice names both places",
      {
        "a.yaml": "router: { asn: 1 }",
        "peers/a.yaml": "name: x\naddress: 10.0.0.1\nasn: 1\n",
        "peers/b.yaml": "address: 10.0.0.2\nasn: 1\nname: x\n",
      },
      ["peers/b.yaml:3: peers[0].name: peer `x` is defined at peers/a.yaml:1 already"],
    ],
    [
      "a fault in a file of one peer has that file's line",
      { "a.yaml": "router: { asn: 1 }", "peers/a.yaml": "name: x\nasn: 1\nadress: 10.0.0.1\naddress: 10.0.0.1\n" },
      ["peers/a.yaml:3: peers[0].adress: unknown key `adress`; did you mean `address`?"],
    ],
    [
      "a fault in a list of peers has that item's line",
      {
        "a.yaml": "router: { asn: 1 }",
        "peers/a.yaml": "- name: x\n  asn: 1\n  address: 10.0.0.1\n- name: y\n  asn: 0\n  address: 10.0.0.2\n",
      },
      ["peers/a.yaml:5: peers[1].asn: expected an AS number from 1 to 4294967295, plain or dotted, not `0`"],
    ],
    [
      "a name that only another file lacks is found at its use",
      {
        "a.yaml": "router: { asn: 1 }\npolicies: { outward: [] }",
        "peers/a.yaml": "name: x\nasn: 1\naddress: 10.0.0.1\nexport: outwards\n",
      },
      ["peers/a.yaml:4: peers[0].export: there is no policy `outwards`; did you mean `outward`?"],
    ],
    [
      "peers that collide across files name both places",
      {
        "a.yaml": "router: { asn: 1 }",
        "peers/a.yaml": "name: x\nasn: 1\naddress: 10.0.0.1\n",
        "peers/b.yaml": "name: y\nasn: 1\naddress: 10.0.0.1\n",
      },
      [
        "peers/b.yaml:3: peers[0].address: cannot be told from peer `x` (peers/a.yaml:1): give them different localAddress",
      ],
    ],
  ];
  for (const [claim, texts, expected] of rows) test(claim, () => assert.deepEqual(lines(texts), expected));

  test("no files at all is a problem", () =>
    assert.deepEqual(lines({}), ["no configuration: there are neither *.yaml nor peers/*.yaml files"]));
});

describe("the cache", () => {
  const base = {
    "a.yaml": "router: { asn: 1 }",
    "peers/a.yaml": "name: a\nasn: 1\naddress: 10.0.0.1",
    "peers/b.yaml": "name: b\nasn: 1\naddress: 10.0.0.2",
  };
  test("only files whose content changed are parsed again, with the same result", () => {
    const cache = createParseCache();
    parseConfig(files(base), { cache });
    assert.equal(cache.parsed, 3);
    assert.deepEqual(parseConfig(files(base), { cache }), parseConfig(files(base)));
    assert.equal(cache.parsed, 3);
    const changed = { ...base, "peers/b.yaml": "name: c\nasn: 1\naddress: 10.0.0.2" };
    assert.deepEqual(parseConfig(files(changed), { cache }), parseConfig(files(changed)));
    assert.equal(cache.parsed, 4);
  });
  test("an unchanged peer stays the same object", () => {
    const cache = createParseCache();
    const before = parseConfig(files(base), { cache });
    const after = parseConfig(files({ ...base, "peers/b.yaml": "name: c\nasn: 1\naddress: 10.0.0.2" }), { cache });
    assert.ok(before.ok && after.ok);
    assert.equal(after.config.peers[0], before.config.peers[0]);
    assert.notEqual(after.config.peers[1], before.config.peers[1]);
  });
  test("a new AS of ours makes new peers: what is internal has changed", () => {
    const cache = createParseCache();
    const before = parseConfig(files(base), { cache });
    const after = parseConfig(files({ ...base, "a.yaml": "router: { asn: 2 }" }), { cache });
    assert.ok(before.ok && after.ok);
    assert.deepEqual([before.config.peers[0]!.multihop, after.config.peers[0]!.multihop], [true, false]);
  });
  test("files that are gone are forgotten", () => {
    const cache = createParseCache();
    parseConfig(files(base), { cache });
    parseConfig(files({ "a.yaml": base["a.yaml"] }), { cache });
    assert.deepEqual([...cache.files.keys()], ["a.yaml"]);
  });
  test("faults of an unchanged file are reported again", () => {
    const cache = createParseCache();
    const bad = files({ "a.yaml": "router: { asn: 0 }" });
    assert.deepEqual(parseConfig(bad, { cache }), parseConfig(bad, { cache }));
    assert.equal(cache.parsed, 1);
  });
});

describe("password files", () => {
  const text = {
    "a.yaml": "router: { asn: 1 }\npeers: [{ name: a, asn: 1, address: 10.0.0.1, passwordFile: /etc/k }]",
  };
  const read = (content: string | undefined) =>
    parseConfig(files(text), { secrets: (path) => (path === "/etc/k" ? content : undefined) });
  test("the key is the content without the newline at its end", () => {
    const result = read("s3cret \n");
    assert.ok(result.ok);
    assert.equal(result.config.peers[0]!.password, "s3cret ");
    assert.equal(result.config.peers[0]!.passwordFile, "/etc/k");
  });
  test("the files to watch are named even when they cannot be read", () => {
    assert.deepEqual(read("x").secretFiles, ["/etc/k"]);
    assert.deepEqual(read(undefined).secretFiles, ["/etc/k"]);
  });
  test("a file that cannot be read is an error: the session never runs without its key", () => {
    assert.deepEqual(problems(read(undefined)), [
      "a.yaml:2: peers[0].passwordFile: no password from `/etc/k`: it cannot be read",
    ]);
  });
  test("an empty file is an error", () => {
    assert.deepEqual(problems(read("\n")), [
      "a.yaml:2: peers[0].passwordFile: no password from `/etc/k`: expected a password of 1 to 80 octets, not 0",
    ]);
  });
  test("a changed key is seen although no configuration file changed", () => {
    const cache = createParseCache();
    const keyed = (key: string) => parseConfig(files(text), { cache, secrets: () => key });
    assert.ok(keyed("one").ok);
    const result = keyed("two");
    assert.equal(result.ok && result.config.peers[0]!.password, "two");
  });
});
