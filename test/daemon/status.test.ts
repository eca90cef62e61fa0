import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import { createWorld, header, peer } from "./world.ts";

const OPEN = "import: accept, export: accept";
/** Whoever has a limit that blocks has a group to himself. */
const ALONE = ", maxPrefixesOut: { limit: 9, action: block }";

test("the status names the peers of each update group, and looks at each peer once however many groups there are", () => {
  const names = Array.from({ length: 8 }, (_, i) => `p${i}`);
  const peers = names.map((name, i) => peer(name, `10.0.0.${20 + i}`, 65000 + i, `${OPEN}${i < 6 ? ALONE : ""}`));
  const world = createWorld(`${header()}\npeers:\n${peers.join("")}`);
  for (const i of names.keys()) world.speaker(`10.0.0.${20 + i}`, { asn: 65000 + i });
  let looks = 0;
  for (const runtime of world.router.core.peers.values()) {
    const { outlets } = runtime;
    Object.defineProperty(runtime, "outlets", {
      get() {
        looks++;
        return outlets;
      },
    });
  }
  const groups = createQueries(world.router)
    .status()
    .updateGroups.map(({ members }) => members);
  assert.deepEqual(groups.sort(), [...names.slice(0, 6).map((name) => [name]), ["p6", "p7"]]);
  assert.equal(looks, names.length);
});
