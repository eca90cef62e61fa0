import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readRoute } from "../../src/config/hypothetical-route.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { createPolicyTest } from "../../src/control/policy-test.ts";

/** What import makes of a path from AS 65001, where we are AS 64600 on the session and 64512 otherwise. */
function received(asPath: string, localAs: string) {
  const text = `router: { id: 10.0.0.1, asn: 64512 }
policies:
  only-ours: [{ match: { asPath: { startsWith: [64600] } }, action: accept }, { action: reject }]
peers:
  - { name: a, address: 10.0.0.11, asn: 65001, import: only-ours, export: reject, localAs: ${localAs} }
`;
  const parsed = parseConfig([{ path: "router.yaml", text }]);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const route = readRoute({ prefix: "10.9.0.0/16", asPath });
  assert.ok(route.ok);
  return createPolicyTest(parsed.config, "import", parsed.config.peers[0])(route.route);
}

describe("an import policy on a session with an AS of its own (RFC 7705)", () => {
  test("sees that AS in front of what was received", () => {
    assert.equal(received("65001", "{ asn: 64600 }").verdict, "accept");
    assert.equal(received("{65001 65002}", "{ asn: 64600 }").verdict, "accept");
  });

  test("does not see it with noPrepend", () => {
    assert.equal(received("65001", "{ asn: 64600, noPrepend: true }").verdict, "reject");
  });

  test("is not asked where either of our ASes is in the path as received", () => {
    const rules = (asPath: string) => received(asPath, "{ asn: 64600 }").fixedRules;
    assert.deepEqual(rules("65001"), []);
    assert.deepEqual(rules("65001 64600"), ["our own AS 64600 is in its AS_PATH"]);
    assert.deepEqual(rules("65001 64512"), ["our own AS 64512 is in its AS_PATH"]);
  });
});
