/** Hosts on this machine's loopback, as the contract suite wants them. */
import { createServer } from "node:net";
import type { Endpoint, TransportEvent } from "../../src/daemon/ports.ts";
import { openTransport, type TcpTransport, type TransportLimits } from "../../src/io/net/transport.ts";
import { parseAddress } from "../../src/ip/address.ts";
import type { Host, TransportWorld } from "../contract/transport.ts";

export interface TcpHost extends Host {
  readonly transport: TcpTransport;
  readonly logged: Readonly<Record<string, unknown>>[];
  /** Called with each event, before it is recorded. */
  onEvent: (event: TransportEvent) => void;
}

export interface TcpWorld extends TransportWorld {
  openHost(limits?: Partial<TransportLimits>): TcpHost;
}

export function endpoint(address: string, port: number): Endpoint {
  return { address: parseAddress(address)!, port };
}

/** Below the ports that the kernel gives away, and by process: what is free now is not taken by others meanwhile. */
let nextPort = (process.pid * 64) % 20_000;

export async function freePort(address: string): Promise<number> {
  for (let attempts = 0; attempts < 100; attempts++) {
    const port = 10_000 + nextPort;
    nextPort = (nextPort + 1) % 20_000;
    const probe = createServer();
    const fault = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      probe.once("error", resolve).listen(port, address, () => resolve(undefined));
    });
    if (fault === undefined) {
      await new Promise((resolve) => probe.close(resolve));
      return port;
    }
    if (fault.code !== "EADDRINUSE") throw fault;
  }
  throw new Error("Cannot find a free port");
}

export function openTcpWorld(address = "127.0.0.1"): TcpWorld {
  const hosts: TcpHost[] = [];
  const waiting = new Set<() => void>();

  function openHost(limits: Partial<TransportLimits> = {}): TcpHost {
    const events: TransportEvent[] = [];
    const logged: Readonly<Record<string, unknown>>[] = [];
    const chunks = new Map<number, Buffer[]>();
    const transport = openTransport({
      limits,
      log: (level, event, fields) => logged.push({ level, event, ...fields }),
      onEvent(event) {
        host.onEvent(event);
        if (event.kind === "data") {
          const list = chunks.get(event.id);
          if (list) list.push(Buffer.from(event.bytes));
          else chunks.set(event.id, [Buffer.from(event.bytes)]);
        } else events.push(event);
        for (const look of [...waiting]) look();
      },
    });
    const host: TcpHost = {
      transport,
      events,
      logged,
      onEvent: () => undefined,
      received(id) {
        const joined = Buffer.concat(chunks.get(id) ?? []);
        chunks.set(id, [joined]);
        return new Uint8Array(joined.buffer, joined.byteOffset, joined.length);
      },
      until,
      turn: () => new Promise((resolve) => setImmediate(resolve)),
    };
    hosts.push(host);
    return host;
  }

  /** Also looks every few milliseconds, for conditions that no event announces (octets taken by the kernel). */
  function until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const look = () => {
        clearTimeout(timer);
        try {
          if (!condition()) {
            timer = setTimeout(look, 5);
            return;
          }
          waiting.delete(look);
          resolve();
        } catch (error) {
          waiting.delete(look);
          reject(error);
        }
      };
      waiting.add(look);
      look();
    });
  }

  return {
    openHost,
    freeEndpoint: async () => endpoint(address, await freePort(address)),
    async close() {
      await Promise.all(hosts.map((host) => host.transport.shutdown()));
    },
  };
}
