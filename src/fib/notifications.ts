import type { KernelAddress, KernelLink } from "./fib.ts";

import { parseAddressMessage, parseLink } from "./link-codec.ts";
import { i32, u16 } from "./little-endian.ts";
import { createRouteMessage, parseRoute, type RouteMessage } from "./route-codec.ts";
import { align4, NLMSG_HEADER, RTM } from "./rtnetlink.ts";
import type { Ways } from "./ways.ts";

/** What notifications tell. */
export interface NotificationListener {
  /** Takes over the reference to the route's way; the object is reused for the next one. */
  route(route: RouteMessage): void;
  link(link: KernelLink, gone: boolean): void;
  address(address: KernelAddress, gone: boolean): void;
}

export interface Notifications {
  /** Whole messages as read from the socket; what is cut off or broken at the end is passed over. */
  read(bytes: Uint8Array): void;
}

/**
 * Reads what the kernel tells of changes. Echoes of our own writes are known by the port id of the socket that wrote them:
 * a foreign deletion of a route of ours has our protocol too.
 */
export function createNotifications(ways: Ways, ownPid: () => number, listener: NotificationListener): Notifications {
  const route = createRouteMessage();

  function one(bytes: Uint8Array, at: number, octets: number, own: number): void {
    const type = u16(bytes, at + 4);
    if (type === RTM.newRoute || type === RTM.delRoute) {
      if (i32(bytes, at + 12) !== own && parseRoute(bytes, at, octets, route, ways)) listener.route(route);
    } else if (type === RTM.newLink || type === RTM.delLink) {
      const link = parseLink(bytes, at, octets);
      if (link) listener.link(link, type === RTM.delLink);
    } else if (type === RTM.newAddress || type === RTM.delAddress) {
      const address = parseAddressMessage(bytes, at, octets);
      if (address) listener.address(address, type === RTM.delAddress);
    }
  }

  return {
    read(bytes) {
      const own = ownPid();
      for (let at = 0; at + NLMSG_HEADER <= bytes.length; ) {
        const octets = i32(bytes, at);
        if (octets < NLMSG_HEADER || at + octets > bytes.length) return;
        one(bytes, at, octets, own);
        at += align4(octets);
      }
    },
  };
}
