import type { Fib, Forwarding } from "../../src/fib/fib.ts";
import { formatOctets } from "../../src/ip/address.ts";

/** Notes what is wanted, by prefix; writing it is tested elsewhere. */
export function memoryFib(wanted: Map<string, Forwarding>): Fib {
  const key = (bytes: Uint8Array, at: number, length: number, octets: number) =>
    `${formatOctets(bytes.slice(at, at + octets))}/${length}`;
  return {
    startProgramming: () => {},
    want: (family, bytes, at, length, forwarding) =>
      void wanted.set(key(bytes, at, length, family === "ipv4" ? 4 : 16), forwarding),
    unwant: (family, bytes, at, length) => void wanted.delete(key(bytes, at, length, family === "ipv4" ? 4 : 16)),
    status: () => undefined,
    counters: () => ({
      installed: wanted.size,
      pending: 0,
      shadowed: 0,
      failed: 0,
      written: 0,
      errors: 0,
      foreignRepairs: 0,
      resyncs: 0,
      adopted: 0,
    }),
    backlog: () => 0,
    prune: () => {},
    close: async () => {},
  };
}
