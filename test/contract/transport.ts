/** What every Transport does, over TCP or simulated. Each case opens two hosts of its own. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Endpoint, ListenSpec, Transport, TransportEvent } from "../../src/daemon/ports.ts";

/** A transport with the record of what it said. */
export interface Host {
  readonly transport: Transport;
  readonly events: TransportEvent[];
  /** Octets of `data` events in order, by connection; copied when they came. */
  received(id: number): Uint8Array;
  /** Resolves when the condition holds; it is looked at after each event of any host, and from time to time. */
  until(condition: () => boolean): Promise<void>;
  /** Lets one turn of the loop pass. */
  turn(): Promise<void>;
}

export interface TransportWorld {
  /** Hosts of one world reach each other. */
  openHost(): Host;
  /** An endpoint at which nothing listens yet. */
  freeEndpoint(): Promise<Endpoint>;
  close(): Promise<void>;
}

export function octets(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = (i * 31 + (i >>> 8) + seed) & 0xff;
  return out;
}

export function find<K extends TransportEvent["kind"]>(host: Host, kind: K, id?: number) {
  return host.events.find((event) => event.kind === kind && (id === undefined || ("id" in event && event.id === id))) as
    | Extract<TransportEvent, { kind: K }>
    | undefined;
}

/** Connects `client` (as connection 1) to `server`; the server's id of the connection. */
export async function join(client: Host, server: Host, at: Endpoint, spec: Partial<ListenSpec> = {}): Promise<number> {
  server.transport.listen([{ local: at, keys: [], ...spec }]);
  client.transport.connect(1, { remote: at });
  await client.until(() => find(client, "connected", 1) !== undefined && find(server, "incoming") !== undefined);
  return find(server, "incoming")!.id;
}

export function transportContract(name: string, openWorld: () => TransportWorld, skip: string | false = false): void {
  describe(`${name} as a Transport`, { skip }, () => {
    const worlds: TransportWorld[] = [];
    after(() => Promise.all(worlds.map((world) => world.close())));

    async function pair() {
      const world = openWorld();
      worlds.push(world);
      return { client: world.openHost(), server: world.openHost(), at: await world.freeEndpoint() };
    }

    it("tells both ends of a connection the same two endpoints", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      const out = find(client, "connected", 1)!;
      const into = find(server, "incoming")!;
      assert.ok(id < 0);
      assert.deepEqual(out.remote, at);
      assert.deepEqual(into.local, out.remote);
      assert.deepEqual(into.remote, out.local);
    });

    it("delivers octets in order, both ways", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      for (let i = 0; i < 50; i++) client.transport.write(1, octets(19 + i, i));
      server.transport.write(id, octets(300_000));
      const sent = Buffer.concat(Array.from({ length: 50 }, (_, i) => octets(19 + i, i)));
      await client.until(() => server.received(id).length >= sent.length && client.received(1).length >= 300_000);
      assert.deepEqual(Buffer.from(server.received(id)), sent);
      assert.deepEqual(client.received(1), octets(300_000));
    });

    it("never raises an event before the call that caused it has returned", async () => {
      const { client, server, at } = await pair();
      client.transport.connect(1, { remote: at });
      client.transport.listen([{ local: at, keys: [] }]);
      client.transport.write(1, octets(19));
      server.transport.close(77, true);
      assert.deepEqual(client.events, []);
    });

    it("reports a refused attempt as closed, with the reason", async () => {
      const { client, at } = await pair();
      client.transport.connect(1, { remote: at });
      await client.until(() => find(client, "closed", 1) !== undefined);
      assert.match(find(client, "closed", 1)!.reason, /refused/);
    });

    it("is silent about a connection that we closed, and tells the peer", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      client.transport.close(1, false);
      await client.until(() => find(server, "closed", id) !== undefined);
      assert.equal(find(client, "closed", 1), undefined);
    });

    it("delivers all that was queued before a close with flush", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      client.transport.write(1, octets(700_000));
      client.transport.write(1, octets(21, 9));
      client.transport.close(1, true);
      await client.until(() => find(server, "closed", id) !== undefined);
      assert.equal(server.received(id).length, 700_021);
      assert.deepEqual(server.received(id).slice(-21), octets(21, 9));
    });

    it("delivers the last octets of a close with flush although unread ones had come in", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      client.transport.pauseReading(1);
      server.transport.write(id, octets(50_000));
      await client.until(() => server.transport.accepted(id) === 50_000);
      client.transport.write(1, octets(21, 9));
      client.transport.close(1, true);
      await client.until(() => find(server, "closed", id) !== undefined);
      assert.deepEqual(server.received(id), octets(21, 9));
    });

    it("asks to stop above the high mark of a peer that does not read, and says when to go on", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      server.transport.pauseReading(id);
      const block = octets(100_000);
      let written = 1;
      while (client.transport.write(1, block)) {
        written++;
        await client.turn();
        assert.ok(written < 10_000);
      }
      const total = written * block.length;
      assert.ok(client.transport.pending(1) > 0);
      assert.equal(client.transport.pending(1) + client.transport.accepted(1), total);
      assert.equal(find(client, "writable", 1), undefined);
      server.transport.resumeReading(id);
      await client.until(() => find(client, "writable", 1) !== undefined && server.received(id).length === total);
      assert.equal(client.transport.accepted(1), total);
      assert.equal(client.transport.pending(1), 0);
      assert.equal(client.events.filter((event) => event.kind === "writable").length, 1);
    });

    it("shows nothing of a paused connection and knows that octets wait", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      server.transport.pauseReading(id);
      assert.equal(server.transport.hasUnread(id), false);
      client.transport.write(1, octets(19));
      await client.until(() => client.transport.accepted(1) === 19);
      await server.until(() => server.transport.hasUnread(id));
      assert.equal(server.received(id).length, 0);
      server.transport.resumeReading(id);
      await client.until(() => server.received(id).length === 19);
      assert.equal(server.transport.hasUnread(id), false);
    });

    it("keeps connections when their listener goes, and refuses new ones", async () => {
      const { client, server, at } = await pair();
      const id = await join(client, server, at);
      server.transport.listen([]);
      client.transport.connect(2, { remote: at });
      await client.until(() => find(client, "closed", 2) !== undefined);
      client.transport.write(1, octets(19));
      await client.until(() => server.received(id).length === 19);
    });

    it("takes any call for a connection that does not exist", async () => {
      const { client } = await pair();
      const { transport } = client;
      assert.equal(transport.write(9, octets(1)), true);
      assert.equal(transport.pending(9), 0);
      assert.equal(transport.accepted(9), 0);
      assert.equal(transport.hasUnread(9), false);
      transport.pauseReading(9);
      transport.resumeReading(9);
      transport.setTtl(9, 255, 255);
      transport.setInterface(9, "lo");
      assert.equal(transport.setKey(9, "key"), true);
      assert.equal(transport.health(9), undefined);
      transport.close(9, true);
      transport.close(9, false);
      assert.deepEqual(client.events, []);
    });
  });
}
