import type { Config } from "../config/model.ts";
import type { AdminCommand } from "../control/admin-command.ts";
import type { KernelEvent } from "../fib/fib.ts";
import type { TransportEvent } from "./ports.ts";

/** Everything that can happen to a router, timers aside: those come back through the clock it was given. */
export type RouterEvent =
  | { readonly from: "transport"; readonly event: TransportEvent }
  | { readonly from: "kernel"; readonly event: KernelEvent }
  /** A valid configuration, whole; the router applies the difference. */
  | { readonly from: "config"; readonly config: Config }
  /** A configuration that was refused: kept for `status`. */
  | { readonly from: "config"; readonly rejected: string }
  | ({ readonly from: "admin" } & AdminCommand);
