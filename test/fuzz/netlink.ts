/** What the kernel's sockets say, in any order and shape: the mirror stays in order, and only links, addresses and routes are told. */
import assert from "node:assert/strict";
import type { Forwarding, KernelEvent } from "../../src/fib/fib.ts";
import { createKernelFib, type KernelFib, type NetlinkSocket } from "../../src/fib/kernel-fib.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { createMemoryKernel } from "../fib/memory-kernel.ts";
import { createVirtualClock } from "../fib/virtual-clock.ts";
import type { FuzzTarget } from "./target.ts";

const SOCKETS: readonly NetlinkSocket[] = ["events", "dumps", "requests"];
/** Inputs that one mirror takes before it is made anew. */
const PER_FIB = 200;

function want(fib: KernelFib, text: string, forwarding: Forwarding): void {
  const { bytes, length } = parsePrefix(text)!;
  fib.want("ipv4", bytes, 0, length, forwarding);
}

/** What a kernel in memory tells, the octet of its socket in front. */
function recorded(): Uint8Array[] {
  const clock = createVirtualClock();
  const kernel = createMemoryKernel(clock);
  const fib = createKernelFib({ clock, log: () => {}, onEvent: () => {}, program: true, maxPrefixes: 4096 }, kernel);
  const heard = new Map<string, Uint8Array>();
  kernel.attach({
    ...fib,
    received(socket, octets) {
      const one = Uint8Array.of(SOCKETS.indexOf(socket), ...octets);
      heard.set(Buffer.from(one).toString("hex"), one);
      fib.received(socket, octets);
    },
  });
  kernel.setLink({ ifindex: 2, name: "eth0", up: true, carrier: true, loopback: false });
  kernel.setAddress({ ifindex: 2, address: parseAddress("10.0.0.1")!, prefixLength: 24, usable: true });
  kernel.setAddress({ ifindex: 2, address: parseAddress("2001:db8::1")!, prefixLength: 64, usable: true });
  for (const [prefix, gateways] of [
    ["10.7.0.0/16", ["10.0.0.7"]],
    ["10.8.0.0/16", ["10.0.0.8", "10.0.0.9"]],
    ["2001:db8:7::/48", ["2001:db8::7"]],
    ["0.0.0.0/0", ["10.0.0.254"]],
  ] as const) {
    const hops = gateways.map((text) => ({ gateway: parseAddress(text)!, ifindex: 2 }));
    kernel.add({ prefix: parsePrefix(prefix)!, table: 254, metric: 100, protocol: 4, kind: "unicast", hops }, "create");
  }
  fib.start();
  fib.startProgramming();
  clock.advance(1000);
  want(fib, "10.9.0.0/16", {
    kind: "unicast",
    hops: [{ gateway: parseAddress("10.0.0.3")!, ifindex: 2 }],
    table: 254,
    metric: 0,
  });
  want(fib, "10.7.0.0/16", { kind: "blackhole", hops: [], table: 254, metric: 100 });
  clock.advance(1000);
  const gone = parsePrefix("10.9.0.0/16")!;
  fib.unwant("ipv4", gone.bytes, 0, gone.length);
  kernel.setLink({ ifindex: 2, name: "eth0", up: false, carrier: false, loopback: false });
  clock.advance(1000);
  return [...heard.values()];
}

let fib: KernelFib | undefined;
let left = 0;
let clock = createVirtualClock();
const told: KernelEvent[] = [];

function fresh(): KernelFib {
  clock = createVirtualClock();
  left = PER_FIB;
  const made = createKernelFib(
    { clock, log: () => {}, onEvent: (event) => void told.push(event), program: true, maxPrefixes: 4096 },
    { send: () => {}, dump: () => {}, pauseEvents: () => {}, pid: () => 4711, close: () => {} },
  );
  made.start();
  made.startProgramming();
  want(made, "10.7.0.0/16", { kind: "blackhole", hops: [], table: 254, metric: 0 });
  return made;
}

export const netlink: FuzzTarget = {
  name: "netlink",
  share: 52,
  form: "octets",
  spared: 1,
  /** The first message's length, so that its inside is reached. */
  repair(octets) {
    const length = octets.length - 1;
    if (length >= 16) [octets[1], octets[2], octets[3], octets[4]] = [length & 0xff, length >>> 8, 0, 0];
  },
  seeds: recorded,
  reset() {
    fib = undefined;
  },
  run(octets) {
    if (fib === undefined || left-- === 0) fib = fresh();
    told.length = 0;
    fib.received(SOCKETS[(octets[0] ?? 0) % SOCKETS.length]!, octets.subarray(1));
    clock.advance(0);
    for (const event of told) {
      if (event.kind === "address") assert.ok(event.address.prefixLength <= event.address.address.bytes.length * 8);
      if (event.kind === "route") assert.ok(event.route.prefix.length <= event.route.prefix.bytes.length * 8);
      if (event.kind === "link") assert.ok(!event.link.name.includes("\0"));
    }
    const counters = fib.counters();
    for (const count of Object.values(counters)) assert.ok(count >= 0);
    return told.find(({ kind }) => kind !== "batch")?.kind ?? "nothing told";
  },
};
