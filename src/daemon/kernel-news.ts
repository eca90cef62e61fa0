/** What the kernel tells of links, addresses and other programs' routes, and what follows from it for ours. */
import type { KernelAddress, KernelEvent } from "../fib/fib.ts";
import type { ResolvingRoute } from "../rib/route-table.ts";
import type { Core } from "./core.ts";
import type { Exporter } from "./exporter.ts";
import type { ForwardingTable } from "./forwarding.ts";
import type { Import } from "./import.ts";
import type { LocalRoutes } from "./local-routes.ts";
import type { Round, Walk } from "./walks.ts";

export interface KernelNewsOptions {
  readonly core: Core;
  readonly local: LocalRoutes;
  readonly imports: Import;
  readonly exporter: Exporter;
  readonly forwarding: ForwardingTable;
  readonly reselect: Round;
  readonly reprogram: Walk;
  /** Addresses of ours and shared subnets may be others: what peers are sent depends on them. */
  readonly refreshContexts: () => void;
  /** Links or addresses came or went. */
  readonly linksChanged: () => void;
  /** The kernel's tables have been read for the first time. */
  readonly synced: () => void;
}

export interface KernelNews {
  handle(event: KernelEvent): void;
  /** Our static routes changed: they resolve next hops too. */
  staticsChanged(): void;
}

export function createKernelNews(options: KernelNewsOptions): KernelNews {
  const { core, local, imports, exporter, forwarding, reselect, reprogram } = options;
  const { interfaces, nextHops } = core;
  let staticResolvers: readonly ResolvingRoute[] = [];
  let interfacesDirty = false;
  let ownAddressesDirty = false;
  let routesDirty = false;
  let namesDirty = false;

  /** An address may stand on several interfaces: it is ours until the last one has lost it. */
  function onAddress(address: KernelAddress, gone: boolean): void {
    const was = interfaces.isOwn(address.address);
    if (!interfaces.setAddress(address, gone)) return;
    interfacesDirty = true;
    const is = interfaces.isOwn(address.address);
    if (was === is) return;
    ownAddressesDirty = true;
    nextHops.ownAddressChanged(address.address, !is);
  }

  /** A burst of kernel events is over: addresses, next hops and what depends on them follow. */
  function settle(): void {
    const moved = interfacesDirty;
    if (!moved && !routesDirty) return;
    interfacesDirty = false;
    routesDirty = false;
    if (moved) {
      options.linksChanged();
      local.interfacesChanged();
      options.refreshContexts();
    }
    if (ownAddressesDirty) imports.forget();
    ownAddressesDirty = false;
    syncStaticResolvers();
    nextHops.refresh();
    if (nextHops.changedCount > 0 || namesDirty) imports.interfacesMoved();
    if (namesDirty) exporter.interfacesMoved();
    namesDirty = false;
    if (nextHops.changedCount > 0 || moved) reselect.request();
    if (moved) {
      forwarding.forget();
      reprogram.request();
    }
  }

  /** Our own static routes with a gateway resolve next hops too (DESIGN 3.6). */
  function syncStaticResolvers(): void {
    const wanted = local.staticResolvers();
    for (const old of staticResolvers) if (!wanted.includes(old)) nextHops.routeChanged(old, true);
    for (const route of wanted) if (!staticResolvers.includes(route)) nextHops.routeChanged(route, false);
    staticResolvers = wanted;
  }

  return {
    handle(event) {
      switch (event.kind) {
        case "link":
          interfacesDirty = interfaces.setLink(event.link, event.gone) || interfacesDirty;
          namesDirty = nextHops.linkNamed(event.link.ifindex, event.link.name) || namesDirty;
          nextHops.linkChanged(event.link.ifindex, event.link.up && !event.gone);
          return;
        case "address":
          return onAddress(event.address, event.gone);
        case "route":
          nextHops.routeChanged(event.route, event.gone);
          local.kernelRoute(event.route, event.gone);
          routesDirty = true;
          return;
        case "batch":
          return settle();
        case "synced":
          settle();
          return options.synced();
      }
    },
    staticsChanged() {
      routesDirty = true;
      settle();
    },
  };
}
