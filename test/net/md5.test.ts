import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { requires } from "../../interop/requires.ts";
import type { ListenerKey } from "../../src/daemon/ports.ts";
import { readRefused } from "../../src/io/net/socket-facts.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { find, octets } from "../contract/transport.ts";
import { endpoint, openTcpWorld, type TcpHost, type TcpWorld } from "./tcp-world.ts";

const noIpv6 = await requires("ipv6-loopback");

const address = (text: string) => parseAddress(text)!;
const key = (remote: string, md5Key: string, prefixLength?: number): ListenerKey => ({
  remote: address(remote),
  md5Key,
  ...(prefixLength === undefined ? {} : { prefixLength }),
});

/** Segments dropped for their signature in this network namespace; they only grow. */
function dropped(): number {
  const counters = readRefused()!;
  return counters.unsigned + counters.unexpected + counters.mismatched;
}

describe("TCP-MD5", { skip: await requires("kernel-md5") }, () => {
  const worlds: TcpWorld[] = [];
  after(() => Promise.all(worlds.map((world) => world.close())));

  async function setUp(at = "127.0.0.1") {
    const world = openTcpWorld(at);
    worlds.push(world);
    return { client: world.openHost(), server: world.openHost(), at: await world.freeEndpoint() };
  }

  async function connects(client: TcpHost, server: TcpHost, id: number): Promise<void> {
    const before = server.events.length;
    await client.until(() => find(client, "connected", id) !== undefined && server.events.length > before);
  }

  /** The kernel drops the SYN: seen by its counters, since nothing else ever tells. */
  async function isDropped(client: TcpHost, id: number, start: () => void): Promise<void> {
    const before = dropped();
    start();
    await client.until(() => dropped() > before || find(client, "connected", id) !== undefined);
    assert.equal(find(client, "connected", id), undefined);
    assert.equal(find(client, "closed", id), undefined);
    client.transport.close(id, false);
  }

  it("connects over IPv4 with the same key on both sides and carries data", async () => {
    const { client, server, at } = await setUp();
    server.transport.listen([{ local: at, keys: [key("127.0.0.1", "s3cret")] }]);
    client.transport.connect(1, { remote: at, md5Key: "s3cret" });
    await connects(client, server, 1);
    client.transport.write(1, octets(5000));
    const { id } = find(server, "incoming")!;
    await client.until(() => server.received(id).length === 5000);
  });

  it("connects over IPv6 with a host key and with a prefix key", { skip: noIpv6 }, async () => {
    for (const length of [undefined, 128, 64]) {
      const { client, server, at } = await setUp("::1");
      server.transport.listen([{ local: at, keys: [key("::1", "s3cret", length)] }]);
      client.transport.connect(1, { remote: at, md5Key: "s3cret" });
      await connects(client, server, 1);
      await isDropped(client, 2, () => client.transport.connect(2, { remote: at, md5Key: "other" }));
    }
  });

  it("drops another key, and none where one is expected, and one where none is", async () => {
    const { client, server, at } = await setUp();
    server.transport.listen([{ local: at, keys: [key("127.0.0.1", "s3cret")] }]);
    await isDropped(client, 1, () => client.transport.connect(1, { remote: at, md5Key: "other" }));
    await isDropped(client, 2, () => client.transport.connect(2, { remote: at }));
    const local = address("127.0.0.9");
    await isDropped(client, 3, () => client.transport.connect(3, { remote: at, local, md5Key: "s3cret" }));
    client.transport.connect(4, { remote: at, local });
    await connects(client, server, 4);
  });

  it("masks the host bits of a prefix key and prefers the longer prefix", async () => {
    const { client, server, at } = await setUp();
    server.transport.listen([{ local: at, keys: [key("127.5.6.7", "wide", 8), key("127.1.2.9", "narrow", 24)] }]);
    const local = address("127.1.2.3");
    await isDropped(client, 1, () => client.transport.connect(1, { remote: at, local, md5Key: "wide" }));
    client.transport.connect(2, { remote: at, local, md5Key: "narrow" });
    await connects(client, server, 2);
    client.transport.connect(3, { remote: at, local: address("127.9.9.9"), md5Key: "wide" });
    await connects(client, server, 3);
  });

  it("adds, changes and removes keys on the listening socket without touching connections", async () => {
    const { client, server, at } = await setUp();
    const listen = (keys: ListenerKey[]) => server.transport.listen([{ local: at, keys }]);
    listen([]);
    client.transport.connect(1, { remote: at });
    await connects(client, server, 1);
    listen([key("127.0.0.1", "first")]);
    await isDropped(client, 2, () => client.transport.connect(2, { remote: at }));
    client.transport.connect(3, { remote: at, md5Key: "first" });
    await connects(client, server, 3);
    listen([key("127.0.0.1", "second")]);
    await isDropped(client, 4, () => client.transport.connect(4, { remote: at, md5Key: "first" }));
    client.transport.connect(5, { remote: at, md5Key: "second" });
    await connects(client, server, 5);
    listen([]);
    client.transport.connect(6, { remote: at });
    await connects(client, server, 6);
    assert.equal(client.events.filter((event) => event.kind === "closed").length, 0);
    assert.equal(server.events.filter((event) => event.kind === "closed").length, 0);
  });

  it("a host's key that goes leaves its range's in force, and a longer prefix wins whatever the order", async () => {
    const { client, server, at } = await setUp();
    const range = key("127.0.0.0", "range", 24);
    const own = key("127.0.0.9", "own");
    const local = address("127.0.0.9");
    let id = 0;
    for (const [keys, md5Key, other] of [
      [[range, own], "own", "range"],
      [[range], "range", "own"],
      [[own, range], "own", "range"],
      [[key("127.0.0.9", "own", 32), range], "own", "range"],
      [[own], "own", "range"],
    ] as const) {
      server.transport.listen([{ local: at, keys }]);
      await isDropped(client, ++id, () => client.transport.connect(id, { remote: at, local, md5Key: other }));
      client.transport.connect(++id, { remote: at, local, md5Key });
      await connects(client, server, id);
    }
    assert.deepEqual(server.logged, []);
  });

  it("refuses an unsigned connection from where a key could not be set, and logs no key", async () => {
    const { client, server, at } = await setUp();
    const long = "x".repeat(81);
    server.transport.listen([{ local: at, keys: [key("127.0.0.9", long)] }]);
    assert.equal(server.logged[0]?.event, "md5KeyFailed");
    client.transport.connect(1, { remote: at, local: address("127.0.0.9") });
    await client.until(() => find(client, "closed", 1) !== undefined);
    assert.equal(find(server, "incoming"), undefined);
    client.transport.connect(2, { remote: at, md5Key: long });
    await client.until(() => find(client, "closed", 2) !== undefined);
    assert.ok(!JSON.stringify([server.logged, client.events]).includes("xxx"));
  });

  it("takes a thousand keys on one socket, or says which limit to raise", async () => {
    const { server } = await setUp();
    const keys = Array.from({ length: 1000 }, (_, i) => key(`10.0.${i >> 8}.${i & 255}`, `key ${i}`));
    server.transport.listen([{ local: endpoint("127.0.0.1", 0), keys }]);
    for (const line of server.logged) assert.match(String(line.reason), /optmem_max/);
  });
});
