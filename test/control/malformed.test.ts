import assert from "node:assert/strict";
import { test } from "node:test";
import { explainPeer } from "../../src/control/render-peer.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { attribute, u32 } from "../bgp/wire.ts";
import { nlri, update } from "../daemon/speaker.ts";
import { createWorld, header, peer } from "../daemon/world.ts";

test("explain peer shows what was malformed, why, and the octets to prove it", () => {
  const world = createWorld(`${header()}peers:\n${peer("a", "10.0.0.11", 65001, "import: accept")}`);
  const a = world.speaker("10.0.0.11", { asn: 65001 });
  const shown = () => explainPeer(createQueries(world.router).peers()[0]!).join("\n");
  assert.doesNotMatch(shown(), /Malformed/);
  const path = attribute(0x40, 2, [2, 1], u32(65001));
  const good = [attribute(0x40, 1, [0]), path, attribute(0x40, 3, [10, 0, 0, 11])];
  a.send(update([], [...good, attribute(0xc0, 8, [1, 2, 3])], nlri("10.9.0.0/16")));
  world.run(5000);
  assert.match(
    shown(),
    /Malformed UPDATEs \(RFC 7606\): 0 with attributes discarded, 1 treated as withdrawals, 0 ended/,
  );
  assert.match(
    shown(),
    /Last 5 s ago \(treated as a withdrawal, 3\/9\): COMMUNITIES: length 3, must be a multiple of 4/,
  );
  assert.match(shown(), /Octets of the attribute:\n {4}c00803010203$/m);

  a.send(update([], [...good, [0xc0, 32, 200, ...new Array<number>(150).fill(7)]], nlri("10.9.0.0/16")));
  world.run(5000);
  assert.match(shown(), /Octets of the message:\n {4}f{32}00..02/);
  assert.match(shown(), /LARGE_COMMUNITY: length 200 where the attributes end after 150 octets/);

  // A message kept for longer than the bound is cut, and says so.
  a.send(update([], [...good, attribute(0xd0, 8, new Array<number>(1001).fill(7))], nlri("10.9.0.0/16")));
  world.run(5000);
  assert.match(shown(), /Octets of the attribute \(the first 512 of 1005\):/);
});
