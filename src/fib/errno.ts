/** Linux errno values that rtnetlink answers with, and what an operator can do about each. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  EHOSTUNREACH: 113,
} as const;

const MEANING: Readonly<Record<number, readonly [name: string, meaning: string, advice: string]>> = {
  1: ["EPERM", "not permitted", "run with CAP_NET_ADMIN in this network namespace"],
  2: ["ENOENT", "no such route or table", "it is written again by itself"],
  3: ["ESRCH", "no such route", "it is written again by itself"],
  11: ["EAGAIN", "the kernel is busy", "it is retried by itself"],
  12: ["ENOMEM", "the kernel is out of memory", "free memory, or raise net.ipv6.route.max_size for IPv6"],
  16: ["EBUSY", "the kernel is busy", "it is retried by itself"],
  17: ["EEXIST", "a route with this prefix and metric exists", "give ours another metric, or remove the other route"],
  19: ["ENODEV", "no such interface", "create the interface, or change the device in the kernel export policy"],
  22: [
    "EINVAL",
    "invalid route",
    "look at the next hop: an off-subnet gateway needs onlink and a device; prefSrc must be a local address",
  ],
  28: ["ENOSPC", "the routing table is full", "raise the limit, or learn fewer routes"],
  90: ["EMSGSIZE", "too many next hops", "lower the number of ECMP paths"],
  95: ["EOPNOTSUPP", "the kernel lacks this feature", "use a newer kernel, or one with multiple-path routing"],
  97: [
    "EAFNOSUPPORT",
    "address family not supported",
    "enable the family in the kernel (net.ipv6.conf.*.disable_ipv6)",
  ],
  99: ["EADDRNOTAVAIL", "address not on this machine", "add the preferred source address to an interface"],
  100: ["ENETDOWN", "the interface is down", "set it up; the route is written again when it comes up"],
  101: [
    "ENETUNREACH",
    "no route to the gateway",
    "give the interface an address of the gateway's subnet, or use onlink",
  ],
  105: ["ENOBUFS", "no buffer space", "it is retried by itself; raise net.core.rmem_max if it persists"],
  113: [
    "EHOSTUNREACH",
    "the gateway is not reachable",
    "check the gateway's interface; the route is retried by itself",
  ],
};

/** "ENETDOWN (the interface is down): …; what to do". `kernel` is the text of the extended acknowledgement, if any. */
export function describeErrno(errno: number, kernel: string): string {
  const [name, meaning, advice] = MEANING[errno] ?? [`errno ${errno}`, "refused", "see the kernel's log"];
  const said = kernel === "" ? "" : `: the kernel says "${kernel}"`;
  return `${name} (${meaning})${said}; ${advice}`;
}

/** Faults of the moment, not of the route: an old route of ours stays while such a write is retried. */
export function isTransient(errno: number): boolean {
  return (
    errno === ERRNO.EINTR ||
    errno === ERRNO.EAGAIN ||
    errno === ERRNO.ENOMEM ||
    errno === ERRNO.EBUSY ||
    errno === ERRNO.ENOBUFS
  );
}

/** Distinct (errno, text) pairs remembered; beyond it the text is dropped and the errno kept. */
const MAX_FAULTS = 1024;

/** Interns (errno, text) as small numbers, so that a failed route keeps no object. 0 is none. */
export class Faults {
  private readonly errnos: number[] = [0];
  private readonly texts: string[] = [""];
  private readonly ids = new Map<string, number>();

  intern(errno: number, text: string): number {
    const kept = this.errnos.length < MAX_FAULTS ? text : "";
    const key = `${errno} ${kept}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.errnos.length;
      this.errnos.push(errno);
      this.texts.push(kept);
      this.ids.set(key, id);
    }
    return id;
  }

  errno(id: number): number {
    return this.errnos[id]!;
  }

  describe(id: number): string {
    return describeErrno(this.errnos[id]!, this.texts[id]!);
  }
}
