/** The tables of a router and the parts that work on them, wired. */
import type { Config } from "../config/model.ts";
import type { Fib } from "../fib/fib.ts";
import { createPrefixTable } from "../ip/create-prefix-table.ts";
import type { Family } from "../ip/address.ts";
import type { PrefixTable } from "../ip/prefix-table.ts";
import { type AttributeSets, FIRST_PEER, type NextHopId, type NextHops, type PeerId } from "../rib/types.ts";
import { createAttributeSets } from "../rib/attribute-sets.ts";
import { createFamilyRib, type FamilyRib } from "../rib/family-rib.ts";
import { createNextHops } from "../rib/next-hops.ts";
import { PeerTable } from "../rib/peers.ts";
import type { Interfaces } from "./interfaces.ts";
import { createInterfaces } from "./interfaces.ts";
import type { Clock, Log, Random, Transport } from "./ports.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";

/** What a router is given. */
export interface RouterPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly transport: Transport;
  readonly fib: Fib;
  /** For the router id of last resort (calico-bgp.md 3.1). */
  readonly sha256: (text: string) => Uint8Array;
  readonly version: string;
}
