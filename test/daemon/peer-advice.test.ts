import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wrapHardReset } from "../../src/bgp/notification.ts";
import type { DownReason } from "../../src/bgp/session/types.ts";
import { adviceFor } from "../../src/daemon/peer-advice.ts";
import { configOf, header, peer } from "./world.ts";

const PEER = configOf(
  `${header()}peers:\n${peer("a", "10.0.0.11", 65001, "import: accept, export: accept, ttlSecurity: 1")}`,
).peers[0]!;

function cease(subcode: number, code: DownReason["code"] = "notificationReceived", wrapped = false) {
  const plain = { code: 6, subcode, data: new Uint8Array() };
  const notification = wrapped ? wrapHardReset(plain) : plain;
  return adviceFor({ code, text: "", notification }, PEER, 64512, undefined, () => 0);
}

describe("what may help", () => {
  test("is the same whether the peer's Cease came as a hard reset or not", () => {
    for (const subcode of [1, 2, 3, 5]) {
      assert.ok(cease(subcode));
      assert.equal(cease(subcode, "notificationReceived", true), cease(subcode));
    }
  });

  test("after our own limit of prefixes is to raise it, or not to wait", () => {
    assert.match(cease(1, "notificationSent")!, /more prefixes than maxPrefixesIn allows.*calidris restart a/);
    assert.match(cease(1, "notificationSent", true)!, /maxPrefixesIn/);
    assert.equal(cease(4, "notificationSent"), undefined);
  });

  test("against a peer that is too far away names the hops that are allowed", () => {
    const far = { kind: "ttl", segments: 1, unacknowledged: false, sinceMs: 0 } as const;
    assert.match(adviceFor(undefined, PEER, 64512, far, () => 0)!, /at most 1 hop away/);
  });
});
