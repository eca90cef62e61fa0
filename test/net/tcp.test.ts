import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { after, describe, it } from "node:test";
import { requires } from "../../interop/requires.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { find, join, octets } from "../contract/transport.ts";
import { endpoint, openTcpWorld, type TcpWorld } from "./tcp-world.ts";

const noIpv6 = await requires("ipv6-loopback");

const address = (text: string) => parseAddress(text)!;

describe("TCP transport", () => {
  const worlds: TcpWorld[] = [];
  after(() => Promise.all(worlds.map((world) => world.close())));

  function openWorld(at?: string): TcpWorld {
    const world = openTcpWorld(at);
    worlds.push(world);
    return world;
  }

  it("shares its port with another program on another address, and says what to do when it wants all of them", async () => {
    const world = openWorld();
    const [client, server, at] = [world.openHost(), world.openHost(), await world.freeEndpoint()];
    const other = createServer((socket) => socket.end("other"));
    await new Promise<void>((resolve) => other.listen(at.port, "127.0.0.2", resolve));
    await join(client, server, at);
    client.transport.connect(2, { remote: endpoint("127.0.0.2", at.port) });
    await client.until(() => client.received(2).length === 5);
    server.transport.listen([{ local: endpoint("0.0.0.0", at.port), keys: [] }]);
    await server.until(() => find(server, "listenFailed") !== undefined);
    assert.match(
      find(server, "listenFailed")!.reason,
      /another program listens on port \d+ of some address of this host; .* name the addresses that are ours/,
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it("binds the source address", async () => {
    const world = openWorld();
    const [client, server, at] = [world.openHost(), world.openHost(), await world.freeEndpoint()];
    server.transport.listen([{ local: at, keys: [] }]);
    client.transport.connect(1, { remote: at, local: address("127.0.0.77") });
    await client.until(() => find(server, "incoming") !== undefined);
    assert.deepEqual(find(server, "incoming")!.remote.address, address("127.0.0.77"));
  });

  it("says which step failed when a connection cannot even be tried", async () => {
    const world = openWorld();
    const client = world.openHost();
    const remote = endpoint("127.0.0.1", 9);
    client.transport.connect(1, { remote, local: address("192.0.2.1") });
    client.transport.connect(2, { remote, interface: "no-such-if" });
    client.transport.connect(3, { remote, local: address("::1") });
    client.transport.connect(4, { remote: endpoint("fe80::1%no-such-if", 9) });
    client.transport.connect(5, { remote: endpoint("255.255.255.255", 9) });
    await client.until(() => client.events.length === 5);
    const reasons = [1, 2, 3, 4, 5].map((id) => find(client, "closed", id)!.reason);
    assert.match(reasons[0]!, /192\.0\.2\.1 is not an address of this host/);
    assert.match(reasons[1]!, /no interface no-such-if/);
    assert.match(reasons[2]!, /other family/);
    assert.match(reasons[3]!, /no interface no-such-if/);
    assert.match(reasons[4]!, /255\.255\.255\.255 port 9/);
  });

  it("does not report a failure to a router that closed the attempt before hearing of it", async () => {
    const client = openWorld().openHost();
    client.transport.connect(1, { remote: endpoint("127.0.0.1", 9), local: address("192.0.2.1") });
    client.transport.connect(2, { remote: endpoint("127.0.0.1", 9), local: address("192.0.2.1") });
    client.transport.close(1, false);
    await client.until(() => find(client, "closed", 2) !== undefined);
    assert.equal(find(client, "closed", 1), undefined);
  });

  it("says why it cannot listen and tries again at the next call", async () => {
    const world = openWorld();
    const [server, at] = [world.openHost(), await world.freeEndpoint()];
    const other = createServer().listen(at.port, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    server.transport.listen([{ local: at, keys: [] }]);
    await server.until(() => find(server, "listenFailed") !== undefined);
    assert.match(find(server, "listenFailed")!.reason, /another program/);
    await new Promise((resolve) => other.close(resolve));
    await join(world.openHost(), server, at);
  });

  it("listens on the same port of both families at once, and neither sees the other's form", {
    skip: noIpv6,
  }, async () => {
    const world = openWorld();
    const [client, server, at] = [world.openHost(), world.openHost(), await world.freeEndpoint()];
    server.transport.listen([
      { local: endpoint("0.0.0.0", at.port), keys: [] },
      { local: endpoint("::", at.port), keys: [] },
    ]);
    client.transport.connect(1, { remote: endpoint("127.0.0.1", at.port) });
    client.transport.connect(2, { remote: endpoint("::1", at.port) });
    await client.until(() => server.events.length === 2);
    const families = server.events.map((event) => event.kind === "incoming" && event.remote.address.family);
    assert.deepEqual(families.sort(), ["ipv4", "ipv6"]);
  });

  it("accepts a thousand connections that arrive at once", async () => {
    const world = openWorld();
    const [client, server, at] = [world.openHost(), world.openHost(), await world.freeEndpoint()];
    server.transport.listen([{ local: at, keys: [] }]);
    for (let id = 1; id <= 1000; id++) client.transport.connect(id, { remote: at });
    await client.until(() => server.events.length === 1000 && client.events.length === 1000);
    assert.equal(client.events.filter((event) => event.kind === "connected").length, 1000);
    assert.equal(new Set(server.events.map((event) => event.kind === "incoming" && event.id)).size, 1000);
  });

  it("closes what comes in above the bound of connections", async () => {
    const world = openWorld();
    const [client, server] = [world.openHost(), world.openHost({ connections: 2 })];
    const at = await world.freeEndpoint();
    server.transport.listen([{ local: at, keys: [] }]);
    for (let id = 1; id <= 3; id++) client.transport.connect(id, { remote: at });
    await client.until(() => client.events.some((event) => event.kind === "closed"));
    assert.equal(server.events.length, 2);
  });

  it("ends a turn at its read budget and serves the sockets in turn", async () => {
    const world = openWorld();
    const peers = 20;
    const each = 400_000;
    const budget = 128 * 1024;
    const limits = { readTurnOctets: budget, readSocketOctets: 64 * 1024, readChunkOctets: 16 * 1024 };
    const [client, server, at] = [world.openHost(), world.openHost(limits), await world.freeEndpoint()];
    server.transport.listen([{ local: at, keys: [] }]);
    for (let id = 1; id <= peers; id++) client.transport.connect(id, { remote: at });
    await client.until(() => server.events.length === peers && client.events.length === peers);

    let turn = 0;
    const countTurn = () => {
      turn++;
      counting = setImmediate(countTurn);
    };
    let counting = setImmediate(countTurn);
    const octetsOfTurn = new Map<number, number>();
    const total = new Map<number, number>();
    let widest = 0;
    server.onEvent = (event) => {
      if (event.kind !== "data") return;
      octetsOfTurn.set(turn, (octetsOfTurn.get(turn) ?? 0) + event.bytes.length);
      total.set(event.id, (total.get(event.id) ?? 0) + event.bytes.length);
      const sums = [...total.values()];
      if (sums.length === peers && Math.max(...sums) < each)
        widest = Math.max(widest, Math.max(...sums) - Math.min(...sums));
    };
    for (let id = 1; id <= peers; id++) client.transport.write(id, octets(each));
    await client.until(() => [...total.values()].reduce((sum, n) => sum + n, 0) === peers * each);
    clearImmediate(counting);
    // A chunk that begins within the budget may end beyond it.
    assert.ok(Math.max(...octetsOfTurn.values()) < budget + 16 * 1024);
    assert.ok(widest <= 4 * 64 * 1024, `one socket was ${widest} octets ahead of another`);
  });

  it("drops what comes from further away than the least TTL allows (GTSM)", async () => {
    const drops = () => {
      const [names, values] = readFileSync("/proc/net/netstat", "latin1")
        .split("\n")
        .filter((line) => line.startsWith("TcpExt:"))
        .map((line) => line.split(" "));
      return Number(values![names!.indexOf("TCPMinTTLDrop")]);
    };
    const world = openWorld();
    const [client, server] = [world.openHost(), world.openHost()];
    const id = await join(client, server, await world.freeEndpoint());
    client.transport.setTtl(1, 254, undefined);
    server.transport.setTtl(id, undefined, 255);
    const before = drops();
    client.transport.write(1, octets(19));
    await client.until(() => drops() > before || server.received(id).length > 0);
    assert.equal(server.received(id).length, 0);
    client.transport.setTtl(1, 255, undefined);
    await client.until(() => server.received(id).length === 19); // sent again by TCP
  });

  it("answers a peer that accepts nothing below TTL 255", async () => {
    const world = openWorld();
    const [client, server, at] = [world.openHost(), world.openHost(), await world.freeEndpoint()];
    server.transport.listen([{ local: at, keys: [] }]);
    client.transport.connect(1, { remote: at, ttl: 255, minTtl: 255 });
    await client.until(() => find(client, "connected", 1) !== undefined);
  });

  it("lets the router close a connection, or pause it, while its data is handled", async () => {
    const world = openWorld();
    const [client, server] = [world.openHost(), world.openHost({ readChunkOctets: 1000 })];
    const id = await join(client, server, await world.freeEndpoint());
    let chunks = 0;
    server.onEvent = (event) => {
      if (event.kind !== "data") return;
      chunks++;
      if (chunks === 1) {
        server.transport.pauseReading(id);
        setImmediate(() => server.transport.resumeReading(id));
      } else server.transport.close(id, false);
    };
    client.transport.write(1, octets(500_000));
    await client.until(() => find(client, "closed", 1) !== undefined);
    assert.equal(chunks, 2);
  });

  it("reports a reset in words", async () => {
    const world = openWorld();
    const [server, at] = [world.openHost(), await world.freeEndpoint()];
    server.transport.listen([{ local: at, keys: [] }]);
    const raw = new Socket().connect(at.port, "127.0.0.1");
    await server.until(() => find(server, "incoming") !== undefined);
    raw.resetAndDestroy();
    await server.until(() => find(server, "closed") !== undefined);
    assert.equal(find(server, "closed")!.reason, "connection reset by peer");
  });

  it("gives up a close with flush to a peer that never reads, after the wait", async () => {
    const world = openWorld();
    const [client, server] = [world.openHost({ closeWaitMs: 20 }), world.openHost()];
    const id = await join(client, server, await world.freeEndpoint());
    server.transport.pauseReading(id);
    client.transport.write(1, octets(8_000_000));
    client.transport.close(1, true);
    await client.transport.shutdown();
    server.transport.resumeReading(id);
    await server.until(() => find(server, "closed", id) !== undefined);
  });

  it("holds references, not copies: one buffer to all connections", async () => {
    const world = openWorld();
    const [client, server, at] = [world.openHost(), world.openHost(), await world.freeEndpoint()];
    server.transport.listen([{ local: at, keys: [] }]);
    for (let id = 1; id <= 100; id++) client.transport.connect(id, { remote: at });
    await client.until(() => server.events.length === 100 && client.events.length === 100);
    for (const event of server.events) if (event.kind === "incoming") server.transport.pauseReading(event.id);
    const before = process.memoryUsage().arrayBuffers;
    const shared = octets(2_000_000);
    for (let id = 1; id <= 100; id++) client.transport.write(id, shared);
    await client.until(() => client.transport.accepted(100) > 0);
    assert.ok(process.memoryUsage().arrayBuffers - before < 3 * shared.length);
  });
});
