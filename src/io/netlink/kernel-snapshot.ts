import type { KernelSnapshot } from "../../daemon/shadow/shadow-state.ts";
import type { FibClock, KernelAddress, KernelLink, KernelRoute } from "../../fib/fib.ts";
import { OWN_PROTOCOL } from "../../fib/rtnetlink.ts";
import { FAMILIES } from "../../ip/address.ts";
import { openLinks } from "./links.ts";
import { openNetlinkFib } from "./open-fib.ts";

/** Links, addresses and the main table of this network namespace as they are now. Nothing is written. */
export async function readKernel(clock: FibClock): Promise<KernelSnapshot> {
  const found = { links: [] as KernelLink[], addresses: [] as KernelAddress[] };
  let synced: () => void = () => undefined;
  const whole = new Promise<void>((resolve) => {
    synced = resolve;
  });
  const fib = await openNetlinkFib({
    clock,
    log: () => undefined,
    program: false,
    onEvent(event) {
      if (event.kind === "link" && !event.gone) found.links.push(event.link);
      else if (event.kind === "address" && !event.gone) found.addresses.push(event.address);
      else if (event.kind === "synced") synced();
    },
  });
  try {
    await whole;
    const routes = await readRoutes();
    return {
      ...found,
      foreign: routes.filter(({ protocol }) => protocol !== OWN_PROTOCOL),
      own: routes.filter(({ protocol }) => protocol === OWN_PROTOCOL),
    };
  } finally {
    await fib.close(false);
  }
}

async function readRoutes(): Promise<KernelRoute[]> {
  const links = openLinks();
  try {
    const routes: KernelRoute[] = [];
    // One by one: a full table is more than a call takes as arguments.
    for (const family of FAMILIES) for (const route of await links.listRoutes(family)) routes.push(route);
    return routes;
  } finally {
    links.close();
  }
}
