import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

describe("attributes that do not fit a message once AS numbers have four octets", () => {
  for (const [prefix, from, to] of [
    ["10.9.0.0/24", "10.0.0.11", "10.0.0.12"],
    ["2001:db8:9::/48", "2001:db8::11", "2001:db8::12"],
  ] as const)
    test(`are not announced, and harm nobody: ${prefix}`, () => {
      const external = "import: accept, export: accept";
      const world = createWorld(
        `${header()}peers:\n${peer("from", from, 65001, external)}${peer("to", to, 65002, external)}`,
      );
      const families = [from.includes(":") ? "ipv6" : "ipv4"] as const;
      const source = world.speaker(from, { asn: 65001, families, fourOctetAs: false });
      const listener = world.speaker(to, { asn: 65002, families });
      const asPath = Array.from({ length: 255 }, (_, i) => (i === 0 ? 65001 : 1000 + i));
      const route = (count: number) => ({
        asPath,
        communities: Array.from({ length: count }, (_, i) => `100:${i}`),
      });
      source.announce(prefix, route(10));
      world.run(1000);
      assert.equal(listener.routes.has(prefix), true);
      for (const count of [830, 840, 835]) {
        source.announce(prefix, route(count));
        world.run(1000);
        assert.equal(listener.routes.has(prefix), false);
      }
      source.announce(prefix, route(11));
      world.run(1000);
      assert.equal(listener.routes.has(prefix), true);
      assert.deepEqual([source.established, listener.established], [1, 1]);
    });
});
