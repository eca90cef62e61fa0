/** TCP-MD5 keys of a listener go by address, whatever else tells the peers apart. */
import { formatAddress } from "../ip/address.ts";
import { contains, prefixOf } from "../ip/prefix.ts";
import { type Caller, callersOf, deviceOf, mayReach } from "./callers.ts";
import type { Joined, Reporter } from "./join.ts";
import type { Config } from "./model.ts";
import { placeOf } from "./peer-groups.ts";

export function checkKeys(joined: Joined, config: Config, reporter: Reporter): void {
  const callers = callersOf(config);
  // Whatever is said below takes a key that one has and another has not.
  if (callers.every(({ password }) => password === undefined)) return;
  const located = [...joined.peers, ...joined.dynamicPeers];
  const ranges = callers.filter(({ prefixLength, password }) => prefixLength !== undefined && password !== undefined);
  const byOctets = new Map<string, Caller[]>();
  for (const [i, caller] of callers.entries()) {
    const place = () => placeOf(located[i]!, ["password"]);
    const message = unsigned(caller, ranges, config);
    if (message !== undefined) reporter.warning(...place(), message);
    if (caller.prefixLength !== undefined) continue;
    const key = formatAddress({ family: caller.remote.family, bytes: caller.remote.bytes });
    const others = byOctets.get(key) ?? [];
    byOctets.set(key, others);
    const rival = others.find((other) => collide(caller, other, config));
    if (rival)
      reporter.error(
        ...place(),
        `has the address of peer \`${rival.name}\`, on another interface, and another password: keys go by address, so router.listen needs an entry for each interface`,
      );
    others.push(caller);
  }
}

/** Within a range that has a key the kernel expects a signature of everybody who has none of his own. */
function unsigned(caller: Caller, ranges: readonly Caller[], { router }: Config): string | undefined {
  if (ranges.length === 0 || caller.password !== undefined || caller.disabled) return undefined;
  const own = caller.prefixLength ?? caller.remote.bytes.length * 8;
  const range = ranges.find(
    (other) =>
      other !== caller &&
      !other.disabled &&
      other.prefixLength! <= own &&
      contains(prefixOf(other.remote, other.prefixLength!), caller.remote) &&
      router.listen.some((listen) => mayReach(listen, caller) && mayReach(listen, other)),
  );
  return (
    range &&
    `no password, but \`${range.name}\` has one and holds this address: the kernel refuses connections from it that are not signed`
  );
}

/** Two link-local neighbours, say, whom a listener could not give a key each. */
function collide(a: Caller, b: Caller, { router }: Config): boolean {
  if (a.password === b.password || a.disabled || b.disabled || deviceOf(a) === deviceOf(b)) return false;
  return router.listen.some((listen) => mayReach(listen, a) && mayReach(listen, b));
}
