import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import { createWorld, header, peer } from "./world.ts";

const BAD = ["224.0.0.0/4", "127.0.0.0/8", "240.1.0.0/16", "ff00::/8", "fe80::/10"];
const GOOD = ["10.9.0.0/16", "2001:db8:9::/48"];
const config = (policy: string) => `${header()}
policies: { first: [{ action: accept }], second: [{ set: { localPref: 7 }, action: accept }] }
peers:
${peer("a", "10.0.0.11", 65001, `import: ${policy}, export: accept, families: [ipv4, ipv6]`)}${peer("b", "10.0.0.12", 65002, "import: accept, export: accept, families: [ipv4, ipv6]")}`;

test("prefixes that no peer can mean are kept as rejected, go nowhere, and stay so whatever policy comes", () => {
  const world = createWorld(config("first"));
  const a = world.speaker("10.0.0.11", { asn: 65001, families: ["ipv4", "ipv6"] });
  const b = world.speaker("10.0.0.12", { asn: 65002, families: ["ipv4", "ipv6"] });
  const all = [...BAD, ...GOOD];
  a.announce(all.filter((prefix) => !prefix.includes(":")));
  a.announce(
    all.filter((prefix) => prefix.includes(":")),
    { nextHop: "2001:db8::11" },
  );
  const check = () => {
    world.run(5000);
    assert.deepEqual([a.up, a.notifications], [true, []]);
    for (const prefix of BAD) assert.deepEqual([b.routes.has(prefix), world.fib.has(prefix)], [false, false], prefix);
    for (const prefix of GOOD) assert.deepEqual([b.routes.has(prefix), world.fib.has(prefix)], [true, true], prefix);
    const { rows } = createQueries(world.router).routesIn("a", "ipv4", 0, 100);
    const rejected = rows.filter(({ path }) => path.rejected?.reason.startsWith("its prefix is multicast"));
    assert.deepEqual(rejected.map(({ prefix }) => prefix).sort(), BAD.filter((prefix) => !prefix.includes(":")).sort());
  };
  check();
  world.configure(config("second"));
  check();
});
