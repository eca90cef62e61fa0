import assert from "node:assert/strict";
import { after, before, describe, it, test } from "node:test";
import { requires } from "../../interop/requires.ts";
import type { ConnectSpec, ListenerKey, ListenSpec, TransportEvent } from "../../src/daemon/ports.ts";
import { readRefused } from "../../src/io/net/socket-facts.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { find, octets } from "../contract/transport.ts";
import { INSIDE, runInside } from "../netlink/in-namespace.ts";
import { endpoint, openTcpWorld, type TcpHost } from "./tcp-world.ts";
import { openTwoHosts, type TwoHosts } from "./two-hosts.ts";

if (INSIDE) describe("over real links", tests);
else {
  const skip = await requires("netns", "ipv6", "kernel-md5");
  test("the transport over real links", { skip }, () => {
    const { passed, output } = runInside(import.meta.url);
    assert.ok(passed, output);
  });
}

const TOO_EARLY = /not an address|unreachable|no route/;

function tests(): void {
  const PORT = 179;
  const world = openTcpWorld();
  let hosts: TwoHosts;
  let server: TcpHost;
  let nextId = 1;

  before(async () => {
    hosts = await openTwoHosts();
  });
  after(async () => {
    await world.close();
    hosts.close();
  });

  const key = (remote: string, md5Key: string): ListenerKey => ({ remote: parseAddress(remote)!, md5Key });

  function listen(...specs: readonly (Partial<ListenSpec> & { readonly at: string })[]): void {
    server?.transport.listen([]);
    server = world.openHost();
    server.transport.listen(specs.map(({ at, ...spec }) => ({ local: endpoint(at, PORT), keys: [], ...spec })));
  }

  interface Attempt {
    readonly client: TcpHost;
    readonly id: number;
  }

  /** A connection from the other namespace. */
  function dial(to: string, spec: Partial<ConnectSpec> = {}): Attempt {
    const client = world.openHost();
    const id = nextId++;
    const remote = endpoint(to, PORT);
    // A link has a link-local address of its own making too, which may be chosen.
    const local = to.startsWith("fe80") ? { local: parseAddress(to.replace("::1%", "::2%"))! } : {};
    const start = () => hosts.away(() => client.transport.connect(id, { remote, ...local, ...spec }));
    start();
    // Addresses are tentative for a while: what cannot be tried yet is tried again.
    client.onEvent = (event: TransportEvent) => {
      if (event.kind === "closed" && TOO_EARLY.test(event.reason)) setTimeout(start, 20);
    };
    return { client, id };
  }

  async function comesIn(to: string, spec: Partial<ConnectSpec> = {}) {
    const count = server.events.length;
    const { client, id } = dial(to, spec);
    await client.until(() => {
      const failure = client.events.find((event) => event.kind === "closed" && !TOO_EARLY.test(event.reason));
      assert.equal(failure, undefined);
      return find(client, "connected", id) !== undefined && server.events.length > count;
    });
    const incoming = server.events[count]!;
    assert.ok(incoming.kind === "incoming");
    return { client, id, incoming };
  }

  async function isRefused(to: string, spec: Partial<ConnectSpec>, counter: "mismatched" | "unsigned" | "fromAfar") {
    const now = () => readRefused()![counter];
    const count = now();
    const { client, id } = dial(to, spec);
    await client.until(() => now() > count || find(client, "connected", id) !== undefined);
    assert.equal(find(client, "connected", id), undefined);
    client.onEvent = () => undefined;
    client.transport.close(id, false);
  }

  async function carries({ client, id, incoming }: Awaited<ReturnType<typeof comesIn>>): Promise<void> {
    const length = server.received(incoming.id).length;
    client.transport.write(id, octets(5000));
    await client.until(() => server.received(incoming.id).length === length + 5000);
  }

  it("an incoming connection tells its interface and the TTL of its handshake, in either family", async () => {
    listen({ at: "0.0.0.0" }, { at: "::" });
    for (const [to, device] of [
      ["10.0.0.1", "net0"],
      ["10.0.1.1", "net1"],
      ["fd00:0::1", "net0"],
      ["fd00:1::1", "net1"],
      ["fe80::1%net1", "net1"],
    ] as const) {
      const plain = await comesIn(to);
      assert.deepEqual([plain.incoming.interface, plain.incoming.ttl], [device, 64]);
      const near = await comesIn(to, { ttl: 255 });
      assert.equal(near.incoming.ttl, 255);
    }
  });

  it("a link-local peer is known by its zone, and its source address is bound with it", async () => {
    listen({ at: "::" });
    const local = parseAddress("fe80::2%net1")!;
    const made = await comesIn("fe80::1%net1", { local, interface: "net1" });
    assert.deepEqual(made.incoming.remote.address, parseAddress("fe80::2%net1"));
    await carries(made);
  });

  it("a listener that is bound to a device accepts only what arrives there", async () => {
    listen({ at: "0.0.0.0", interface: "net1" });
    const made = await comesIn("10.0.1.1");
    assert.equal(made.incoming.interface, "net1");
    const { client, id } = dial("10.0.0.1");
    await client.until(() => find(client, "closed", id) !== undefined);
    assert.match(find(client, "closed", id)!.reason, /refused/);
  });

  it("several listeners share a port: one for each device, and one for another address", async () => {
    listen({ at: "::", interface: "net0" }, { at: "::", interface: "net1" }, { at: "10.0.0.1" }, { at: "10.0.1.1" });
    for (const to of ["fe80::1%net0", "fe80::1%net1", "10.0.0.1", "10.0.1.1"]) await carries(await comesIn(to));
    assert.equal(find(server, "listenFailed"), undefined);
  });

  it("neighbours of one link-local address on two devices have keys of their own there", async () => {
    listen(
      { at: "::", interface: "net0", keys: [key("fe80::2%net0", "zero")] },
      { at: "::", interface: "net1", keys: [key("fe80::2%net1", "one")] },
    );
    await carries(await comesIn("fe80::1%net0", { md5Key: "zero" }));
    await carries(await comesIn("fe80::1%net1", { md5Key: "one" }));
    await isRefused("fe80::1%net0", { md5Key: "one" }, "mismatched");
    await isRefused("fe80::1%net1", {}, "unsigned");
  });

  it("a key with a device that is no VRF goes by its address", async () => {
    listen({ at: "0.0.0.0", keys: [{ ...key("10.0.0.2", "k"), interface: "net0" }] });
    assert.deepEqual(server.logged, []);
    await carries(await comesIn("10.0.0.1", { md5Key: "k" }));
    await isRefused("10.0.0.1", { md5Key: "other" }, "mismatched");
  });

  it("a listener that takes GTSM senders only drops the handshake of others", async () => {
    for (const [at, to] of [
      ["0.0.0.0", "10.0.0.1"],
      ["::", "fd00:0::1"],
    ] as const) {
      listen({ at, minTtl: 255 });
      await isRefused(to, { ttl: 254 }, "fromAfar");
      await carries(await comesIn(to, { ttl: 255 }));
      // On the live socket: the next configuration has a peer without it.
      server.transport.listen([{ local: endpoint(at, PORT), keys: [] }]);
      await comesIn(to, { ttl: 64 });
    }
  });

  it("an accepted connection that is bound to its device stays up, and its TTL is the system's or as told", async () => {
    listen({ at: "0.0.0.0" });
    const made = await comesIn("10.0.0.1", { minTtl: 64 });
    const { id } = made.incoming;
    server.transport.setInterface(id, "net0");
    server.transport.setTtl(id, undefined, undefined);
    await carries(made);
    server.transport.write(id, octets(100));
    await made.client.until(() => made.client.received(made.id).length === 100);
    assert.deepEqual(server.logged, []);
  });

  it("a key is replaced on a live connection of each form, both ends one after the other, and nothing is lost", async () => {
    const range: ListenerKey = { ...key("10.0.0.0", "old"), prefixLength: 24 };
    listen({ at: "0.0.0.0", keys: [range] }, { at: "::", keys: [key("fd00:0::2", "old"), key("fe80::2%net0", "old")] });
    for (const to of ["10.0.0.1", "fd00:0::1", "fe80::1%net0"]) {
      const made = await comesIn(to, { md5Key: "old" });
      await carries(made);
      const { client, id, incoming } = made;
      assert.equal(server.transport.setKey(incoming.id, "new"), true);
      const before = server.transport.health(incoming.id)!.dropped;
      const refused = readRefused()!.mismatched;
      client.transport.write(id, octets(3000, 7));
      await client.until(() => server.transport.health(incoming.id)!.dropped > before);
      assert.ok(readRefused()!.mismatched > refused);
      assert.equal(server.received(incoming.id).length, 5000);
      await client.until(() => client.transport.health(id)!.retransmits > 0);
      assert.ok(client.transport.health(id)!.unacknowledged > 0);
      assert.equal(client.transport.setKey(id, "new"), true);
      await client.until(() => server.received(incoming.id).length === 8000);
      assert.deepEqual(server.received(incoming.id).slice(5000), octets(3000, 7));
      await carries(made);
    }
  });

  it("a key is taken from a live connection at both ends, and taking it twice is no fault", async () => {
    listen({ at: "0.0.0.0", keys: [key("10.0.0.2", "old")] });
    const made = await comesIn("10.0.0.1", { md5Key: "old" });
    for (let i = 0; i < 2; i++) {
      assert.equal(server.transport.setKey(made.incoming.id, undefined), true);
      assert.equal(made.client.transport.setKey(made.id, undefined), true);
    }
    await carries(made);
    assert.equal(server.transport.setKey(made.incoming.id, "x".repeat(81)), false);
  });

  it("a device that is made anew is listened on again, as soon as the router asks", async () => {
    server.transport.listen([]);
    const specs = [{ local: endpoint("0.0.0.0", PORT), interface: "again", keys: [] }];
    const lone = world.openHost();
    lone.transport.listen(specs);
    await lone.until(() => find(lone, "listenFailed") !== undefined);
    const failed = find(lone, "listenFailed")!;
    assert.match(failed.reason, /no interface again/);
    assert.equal(failed.interface, "again");
    for (let round = 0; round < 2; round++) {
      await hosts.here.createVethPair("again", "again-far");
      await hosts.here.addAddress("again", parseAddress("10.0.9.1")!, 24);
      await hosts.here.setUp("again");
      lone.events.length = 0;
      lone.transport.listen(specs);
      await lone.turn();
      await lone.turn();
      assert.deepEqual(lone.events, []);
      // A socket on the device of before would keep the place: another one for it is refused only while ours is live.
      const rival = world.openHost();
      rival.transport.listen(specs);
      await rival.until(() => find(rival, "listenFailed") !== undefined);
      assert.match(find(rival, "listenFailed")!.reason, /another program/);
      await hosts.here.deleteLink("again");
    }
  });
}
