/** Run as a program: adds 4000 routes of another protocol, 10.100.0.0/24 and up, and ends. Argument: the interface's index. */

import { openLinks } from "../../src/io/netlink/links.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";

export const FOREIGN_ROUTES = 4000;

const ifindex = Number(process.argv[2]);
if (Number.isInteger(ifindex)) {
  const links = openLinks();
  const gateway = parseAddress("10.0.0.3")!;
  await links.addRoutes(
    Array.from({ length: FOREIGN_ROUTES }, (_, i) => ({
      prefix: parsePrefix(`10.${100 + (i >> 8)}.${i & 255}.0/24`)!,
      metric: 0,
      protocol: 4,
      kind: "unicast" as const,
      hops: [{ gateway, ifindex }],
    })),
  );
  links.close();
}
