import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backendWithoutBgp, nodeName, nodeNameFile } from "../../src/cli/calico-environment.ts";

describe("the environment of calico-node", () => {
  for (const { because, environment, written, expected } of [
    {
      because: "NODENAME goes first, as it is",
      environment: { NODENAME: "N1", HOSTNAME: "h" },
      written: "w",
      expected: "N1",
    },
    {
      because: "else what startup has written",
      environment: { HOSTNAME: "h" },
      written: "Written\n",
      expected: "Written",
    },
    {
      because: "else HOSTNAME, in small letters",
      environment: { HOSTNAME: " Host.Example " },
      written: "",
      expected: "host.example",
    },
    { because: "else the host's own name, in small letters", environment: {}, written: undefined, expected: "machine" },
    {
      because: "an empty variable counts as unset",
      environment: { NODENAME: "", HOSTNAME: "" },
      written: undefined,
      expected: "machine",
    },
  ])
    test(`the node's name: ${because}`, () => {
      assert.equal(nodeName(environment, written, "Machine"), expected);
    });

  test("the file of the node's name can be elsewhere", () => {
    assert.equal(nodeNameFile({}), "/var/lib/calico/nodename");
    assert.equal(nodeNameFile({ CALICO_NODENAME_FILE: "/x" }), "/x");
  });

  for (const [backend, expected] of [
    ["none", "none"],
    ["vxlan", "vxlan"],
    ["bird", undefined],
    ["", undefined],
    [undefined, undefined],
  ] as const)
    test(`backend ${backend || "unset"} is ${expected ? "without" : "with"} BGP`, () => {
      assert.equal(backendWithoutBgp({ CALICO_NETWORKING_BACKEND: backend }), expected);
    });
});
