/** One reflector and its clients, with a transport that only counts: for claims about the work that it does. */
import assert from "node:assert/strict";
import { encodeKeepalive } from "../../src/bgp/message.ts";
import { encodeOpen } from "../../src/bgp/open.ts";
import { parseConfig } from "../../src/config/parse.ts";
import type { Endpoint, Transport } from "../../src/daemon/ports.ts";
import { createRouter, type Router } from "../../src/daemon/router.ts";
import type { KernelEvent } from "../../src/fib/fib.ts";
import { VirtualTime } from "../sim/clock.ts";
import { memoryFib } from "../sim/wanted-fib.ts";

const AS = 65_000;
const OWN = Uint8Array.of(10, 99, 0, 1);

export interface Reflector {
  readonly router: Router;
  readonly time: VirtualTime;
  /** Calls of `write` and octets, by client. */
  readonly writes: number[];
  readonly octets: number[];
  /** A chunk read from a client. */
  receive(client: number, bytes: Uint8Array): void;
  /** Lets everything that waits happen. */
  settle(): void;
}

export function reflectorOf(clients: number): Reflector {
  const time = new VirtualTime();
  const writes = new Array<number>(clients).fill(0);
  const octets = new Array<number>(clients).fill(0);
  const transport: Transport = {
    listen: () => {},
    connect: () => {},
    write(id, bytes) {
      writes[clientOf(id)]!++;
      octets[clientOf(id)]! += bytes.length;
      return true;
    },
    pending: () => 0,
    accepted: (id) => octets[clientOf(id)]!,
    hasUnread: () => false,
    setTtl: () => {},
    setInterface: () => {},
    setKey: () => true,
    health: () => undefined,
    refused: () => undefined,
    pauseReading: () => {},
    resumeReading: () => {},
    close: (id) => assert.fail(`client ${clientOf(id)} was closed`),
  };
  const parsed = parseConfig([{ path: "reflector.yaml", text: configOf(clients) }]);
  assert.ok(parsed.ok);
  const router = createRouter(
    {
      clock: time.clock(() => true),
      random: () => 0.5,
      log: () => {},
      transport,
      fib: memoryFib(new Map()),
      sha256: () => new Uint8Array(32),
      version: "test",
    },
    parsed.config,
    "reflector",
  );
  for (const event of kernelEvents()) router.handle({ from: "kernel", event });
  const receive = (client: number, bytes: Uint8Array) =>
    router.handle({ from: "transport", event: { kind: "data", id: idOf(client), bytes } });
  const local: Endpoint = { address: { family: "ipv4", bytes: OWN }, port: 179 };
  for (let client = 0; client < clients; client++) {
    const remote: Endpoint = { address: { family: "ipv4", bytes: addressOf(client) }, port: 40_000 };
    router.handle({ from: "transport", event: { kind: "incoming", id: idOf(client), local, remote } });
    receive(client, openOf(client));
    receive(client, encodeKeepalive());
  }
  const settle = () => time.runUntil(time.nowMs + 1000);
  settle();
  for (const peer of router.core.peers.values()) assert.ok(peer.active, `${peer.config.name} is established`);
  writes.fill(0);
  octets.fill(0);
  return { router, time, writes, octets, receive, settle };
}

const idOf = (client: number) => -1 - client;
const clientOf = (id: number) => -1 - id;

function addressOf(client: number): Uint8Array {
  return Uint8Array.of(10, 99, 1 + (client >> 8), client & 255);
}

function configOf(clients: number): string {
  const peers = Array.from({ length: clients }, (_, client) => {
    const address = addressOf(client).join(".");
    return `  - { name: c${client}, address: ${address}, asn: ${AS}, passive: true, routeReflectorClient: true }`;
  });
  return [
    `router: { id: 10.99.0.1, asn: ${AS}, clusterId: 10.99.0.1, listen: [{ address: 0.0.0.0, port: 179 }] }`,
    "kernel: { program: false, learn: false }",
    "limits: { routes: 300000, paths: 300000, attributeSets: 100000, attributeOctets: 16000000 }",
    "peers:",
    ...peers,
  ].join("\n");
}

function kernelEvents(): KernelEvent[] {
  const hops = [{ ifindex: 2 }];
  const subnet = { family: "ipv4" as const, bytes: Uint8Array.of(10, 99, 0, 0), length: 16 };
  return [
    { kind: "link", gone: false, link: { ifindex: 2, name: "eth0", up: true, carrier: true, loopback: false } },
    {
      kind: "address",
      gone: false,
      address: { ifindex: 2, address: { family: "ipv4", bytes: OWN }, prefixLength: 16, usable: true },
    },
    {
      kind: "route",
      gone: false,
      route: { prefix: subnet, metric: 0, protocol: 2, kind: "unicast", hops, scope: 253 },
    },
    { kind: "synced" },
  ];
}

function openOf(client: number): Uint8Array {
  return encodeOpen({
    version: 4,
    asn: AS,
    holdSeconds: 0,
    identifier: 0x0a630100 + client,
    capabilities: {
      routeRefresh: false,
      enhancedRouteRefresh: false,
      extendedMessage: false,
      addPath: [],
      fourOctetAs: AS,
    },
  });
}

/** ORIGIN 4, AS_PATH 3, NEXT_HOP 7, MED 7, LOCAL_PREF 7. */
const ATTRIBUTE_OCTETS = 28;

/**
 * UPDATEs of one /24 each, numbers `[first, first + count)`, with `sets` attribute sets in turn; a MED tells rounds apart.
 */
export function updates(client: number, first: number, count: number, sets: number, round = 0): Uint8Array {
  const octets = 19 + 4 + ATTRIBUTE_OCTETS + 4;
  const out = new Uint8Array(octets * count);
  const view = new DataView(out.buffer);
  for (let i = 0; i < count; i++) {
    const at = i * octets;
    const number = first + i;
    out.fill(0xff, at, at + 16);
    view.setUint16(at + 16, octets);
    out[at + 18] = 2;
    view.setUint16(at + 21, ATTRIBUTE_OCTETS);
    // ORIGIN IGP, empty AS_PATH, NEXT_HOP, MED, LOCAL_PREF 100
    out.set([0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...addressOf(client), 0x80, 4, 4, 0, 0, 0, 0], at + 23);
    view.setUint32(at + 40, round * 1_000_000 + (number % sets));
    out.set([0x40, 5, 4, 0, 0, 0, 100], at + 44);
    out.set([24, 20 + (number >> 16), (number >> 8) & 0xff, number & 0xff], at + 51);
  }
  return out;
}
