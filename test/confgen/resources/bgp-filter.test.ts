import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faults, parsed } from "./parsing.ts";

/** What a rule becomes. */
const ruleV4 = (rule: object) => parsed("BGPFilter", { importV4: [rule] }).importV4[0];
const ruleV6 = (rule: object) => parsed("BGPFilter", { exportV6: [rule] }).exportV6[0];

const V4 = { cidr: "10.0.0.0/8", matchOperator: "In", action: "Accept" };
const V6 = { cidr: "fd00::/16", matchOperator: "NotIn", action: "Reject" };

describe("a BGPFilter", () => {
  it("has four lists of rules", () => {
    const action = "Accept";
    const spec = { importV4: [{ action }], exportV6: [{ action }, { action }], importV6: null };
    const { importV4, importV6, exportV4, exportV6 } = parsed("BGPFilter", spec);
    assert.deepEqual([importV4.length, importV6.length, exportV4.length, exportV6.length], [1, 0, 0, 2]);
    assert.deepEqual(importV4[0], { action: "Accept", operations: [] });
  });

  it("has a rule with every condition", () =>
    assert.deepEqual(
      ruleV4({
        ...V4,
        prefixLength: { min: 16, max: 24 },
        source: "RemotePeers",
        interface: "eth*",
        peerType: "eBGP",
        communities: { values: ["65000:100"] },
        asPathPrefix: [65000, "65001", "1.1"],
        priority: 100,
        operations: [
          { addCommunity: { value: "65000:1:2" } },
          { prependASPath: { prefix: [65000, 65001] } },
          { setPriority: { value: 512 } },
        ],
      }),
      {
        action: "Accept",
        prefix: { cidr: "10.0.0.0/8", operator: "In", lengths: { min: 16, max: 24 } },
        source: "RemotePeers",
        interface: "eth*",
        peerType: "eBGP",
        community: "65000:100",
        asPathPrefix: [65000, 65001, 65537],
        priority: 100,
        operations: [{ addCommunity: "65000:1:2" }, { prependAsPath: [65000, 65001] }, { setPriority: 512 }],
      },
    ));

  for (const [prefixLength, lengths] of [
    [
      { min: 16, max: 24 },
      { min: 16, max: 24 },
    ],
    [{ min: 4 }, { min: 8, max: 32 }],
    [{ max: 24 }, { min: 8, max: 24 }],
    [{ max: 64 }, { min: 8, max: 32 }],
    [{ max: 4 }, { min: 8, max: 4 }],
    [
      { min: null, max: null },
      { min: 8, max: 32 },
    ],
    [
      { min: 0, max: 0 },
      { min: 8, max: 0 },
    ],
    [null, undefined],
  ] as const)
    it(`in 10.0.0.0/8 with prefixLength ${JSON.stringify(prefixLength)} has ${JSON.stringify(lengths)}`, () =>
      assert.deepEqual(ruleV4({ ...V4, prefixLength })?.prefix?.lengths, lengths));

  it("has lengths of its own family", () =>
    assert.deepEqual(ruleV6({ ...V6, prefixLength: { max: 128 } })?.prefix, {
      cidr: "fd00::/16",
      operator: "NotIn",
      lengths: { min: 16, max: 128 },
    }));

  it("clears host bits", () => assert.equal(ruleV4({ ...V4, cidr: "10.1.2.3/8" })?.prefix?.cidr, "10.0.0.0/8"));

  it("takes `*` for any interface", () => assert.equal(ruleV4({ action: "Accept", interface: "*" })?.interface, "*"));

  it("takes empty conditions for none", () =>
    assert.deepEqual(
      ruleV4({
        action: "Reject",
        cidr: "",
        matchOperator: "",
        source: "",
        interface: "",
        asPathPrefix: [],
        operations: [],
      }),
      { action: "Reject", operations: [] },
    ));

  const at = "spec.importV4[0]";
  for (const [rule, fault] of [
    [{}, `${at}.action: is missing: Accept or Reject is needed`],
    [{ action: "accept" }, `${at}.action: expected Accept or Reject, not \`accept\``],
    [{ action: "Accept", cidr: "10.0.0.0/8" }, `${at}.matchOperator: is missing: cidr says nothing without it`],
    [{ action: "Accept", matchOperator: "In" }, `${at}.cidr: is missing: matchOperator says nothing without it`],
    [{ action: "Accept", prefixLength: { min: 8 } }, `${at}.cidr: is missing: prefixLength says nothing without it`],
    [{ ...V4, matchOperator: "in" }, `${at}.matchOperator: expected Equal, NotEqual, In or NotIn, not \`in\``],
    [{ ...V4, cidr: "fd00::/8" }, `${at}.cidr: expected an IPv4 CIDR such as 10.0.0.0/8, not \`fd00::/8\``],
    [{ ...V4, prefixLength: { min: -1 } }, `${at}.prefixLength.min: expected a whole number from 0 to 128, not \`-1\``],
    [{ action: "Accept", source: "Local" }, `${at}.source: expected RemotePeers, not \`Local\``],
    [{ action: "Accept", peerType: "ebgp" }, `${at}.peerType: expected eBGP or iBGP, not \`ebgp\``],
    [
      { action: "Accept", interface: "a/b" },
      `${at}.interface: expected the name of an interface, or a pattern such as eth*, of at most 15 characters, not \`a/b\``,
    ],
    [
      { action: "Accept", communities: { values: ["1:1", "1:2"] } },
      `${at}.communities.values: needs exactly one community`,
    ],
    [{ action: "Accept", communities: {} }, `${at}.communities.values: needs exactly one community`],
    [
      { action: "Accept", asPathPrefix: [0] },
      `${at}.asPathPrefix[0]: expected an AS number: 1 to 4294967295, or two parts as 1.10, not \`0\``,
    ],
    [{ action: "Accept", priority: 0 }, `${at}.priority: expected a whole number from 1 to 2147483646, not \`0\``],
    [
      { action: "Reject", operations: [{ setPriority: { value: 1 } }] },
      `${at}.operations: can only stand beside the action Accept`,
    ],
    [
      { action: "Accept", operations: [{}] },
      `${at}.operations[0]: needs exactly one of addCommunity, prependASPath and setPriority`,
    ],
    [
      { action: "Accept", operations: [{ setPriority: { value: 1 }, addCommunity: { value: "1:1" } }] },
      `${at}.operations[0]: needs exactly one of addCommunity, prependASPath and setPriority`,
    ],
    [
      { action: "Accept", operations: [{ setPriority: {} }] },
      `${at}.operations[0]: has an operation without its value`,
    ],
    [
      { action: "Accept", operations: Array.from({ length: 11 }, () => ({ setPriority: { value: 1 } })) },
      `${at}.operations: more than 10 entries`,
    ],
    [
      { action: "Accept", operations: [{ prependASPath: { prefix: Array.from({ length: 11 }, () => 1) } }] },
      `${at}.operations[0].prependASPath.prefix: more than 10 entries`,
    ],
  ] as const)
    it(`${JSON.stringify(rule).slice(0, 80)} is invalid, and why is said`, () =>
      assert.deepEqual(faults("BGPFilter", { importV4: [rule] }), [fault]));

  it("with an IPv4 CIDR among the rules of IPv6 is invalid", () =>
    assert.deepEqual(faults("BGPFilter", { exportV6: [{ ...V6, cidr: "10.0.0.0/8" }] }), [
      "spec.exportV6[0].cidr: expected an IPv6 CIDR such as fd00::/64, not `10.0.0.0/8`",
    ]));
});
