/**
 * Numbers of rtnetlink that we speak (linux/netlink.h, linux/rtnetlink.h). All netlink integers are in host order;
 * only little-endian hosts are supported and `assertLittleEndian` says so at start.
 */

export const NLMSG_HEADER = 16;
export const RTMSG = 12;
export const IFINFOMSG = 16;
export const IFADDRMSG = 8;
export const RTNEXTHOP = 8;

export const NLMSG = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

export const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
} as const;

/** nlmsg_flags; the values above 0xff mean different things on NEW, GET and acknowledgements. */
export const NLM_F = {
  request: 1,
  multi: 2,
  ack: 4,
  echo: 8,
  dumpInterrupted: 0x10,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  dump: 0x300,
  capped: 0x100,
  ackTlvs: 0x200,
} as const;

export const AF = { unspec: 0, inet: 2, inet6: 10 } as const;

export const RTN = { unicast: 1, blackhole: 6, unreachable: 7, prohibit: 8, throw: 9 } as const;
export const RT_SCOPE = { universe: 0, link: 253, nowhere: 255 } as const;
export const RT_TABLE_MAIN = 254;
/** What the kernel takes where an IPv6 route has no metric: 0 is turned into it silently. */
export const IPV6_DEFAULT_METRIC = 1024;
/** What rtm_table says when the table's number needs RTA_TABLE. */
export const RT_TABLE_COMPAT = 252;
/** The protocol number "bird": on a route it says that we (or a predecessor of ours) wrote it. */
export const OWN_PROTOCOL = 12;
/** rtm_flags: an IPv6 cache entry, not a route. */
export const RTM_F_CLONED = 0x200;
export const RTNH_F_ONLINK = 4;

export const RTA = {
  destination: 1,
  oif: 4,
  gateway: 5,
  priority: 6,
  prefSrc: 7,
  multipath: 9,
  table: 15,
  via: 18,
} as const;
/** The top bits of rta_type are NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
export const RTA_TYPE_MASK = 0x3fff;

export const IFLA = { name: 3, linkInfo: 18, extMask: 29 } as const;
export const RTEXT_FILTER_SKIP_STATS = 8;
export const IFF = { up: 1, loopback: 8, lowerUp: 0x10000 } as const;

export const IFA = { address: 1, local: 2, flags: 8 } as const;
export const IFA_F = { dadFailed: 8, tentative: 0x40, optimistic: 4 } as const;

/** setsockopt level and names, and the multicast groups that we join. */
export const SOL_NETLINK = 270;
export const NETLINK = { addMembership: 1, capAck: 10, extAck: 11, strictCheck: 12 } as const;
export const GROUP = { link: 1, ipv4Address: 5, ipv4Route: 7, ipv6Address: 9, ipv6Route: 11 } as const;

/** Throws on a big-endian host: every codec here writes little-endian integers. */
export function assertLittleEndian(): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
    throw new Error("Cannot speak rtnetlink: only little-endian hosts are supported");
}

/** Attributes and messages are padded to four octets. */
export function align4(octets: number): number {
  return (octets + 3) & ~3;
}
