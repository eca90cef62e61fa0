/** Which of the sessions that claim the same peer is taken. */
import type { Finding } from "../finding.ts";
import type { Candidate } from "./candidate.ts";
import type { Session } from "./session.ts";

export interface Chosen {
  readonly sessions: Session[];
  readonly findings: Finding[];
}

/**
 * Of BGPPeers' sessions with one address and port the first is taken. Further ones at the address, with another port, are
 * taken as long as a connection that comes in can be told to be of one of them, and of one password. The mesh yields to
 * every BGPPeer that gives a session to the same address. `twins`: there are nodes that share an address.
 */
export function choose(explicit: readonly Candidate[], mesh: readonly Candidate[], twins: boolean): Chosen {
  const losses = createLosses();
  const sessions: Session[] = [];
  /** Those taken, by address: nearly always one, which then stands by itself. */
  const taken = new Map<string, Candidate | Candidate[]>();
  for (const each of explicit) {
    const { address } = each.session;
    const there = taken.get(address);
    if (there === undefined) taken.set(address, each);
    else {
      if (!mayJoin(each, there, losses)) continue;
      taken.set(address, Array.isArray(there) ? [...there, each] : [there, each]);
    }
    sessions.push(each.session);
  }
  const inMesh = new Map<string, Candidate>();
  for (const each of mesh) {
    const { address } = each.session;
    const there = taken.size > 0 ? taken.get(address) : undefined;
    const twin = twins ? inMesh.get(address) : undefined;
    if (there) losses.add("mesh", each, Array.isArray(there) ? there[0]! : there);
    else if (twin) losses.add("address", each, twin);
    else {
      if (twins) inMesh.set(address, each);
      sessions.push(each.session);
    }
  }
  return { sessions, findings: losses.findings() };
}

/** Whether the session is one more to the address, beside those that are taken. */
function mayJoin(each: Candidate, there: Candidate | readonly Candidate[], losses: Losses): boolean {
  const siblings = "session" in there ? [there] : there;
  const first = siblings.find(({ key }) => key === each.key);
  if (first) {
    if (first.resource !== each.resource && differ(first.session, each.session)) losses.add("settings", each, first);
    else if (isOtherNode(first, each)) losses.add("address", each, first);
    return false;
  }
  const rival = siblings.find((sibling) => exclude(sibling.session, each.session));
  if (rival) losses.add("exclude", each, rival);
  return rival === undefined;
}

/** Key by key, not by a list of keys: overlapping selectors in a large cluster compare hundreds of thousands of pairs. */
function differ(a: Session, b: Session): boolean {
  return (
    a.asn !== b.asn ||
    a.localAsn !== b.localAsn ||
    a.sourceAddress !== b.sourceAddress ||
    a.restartTime !== b.restartTime ||
    a.keepaliveTime !== b.keepaliveTime ||
    a.ttlSecurity !== b.ttlSecurity ||
    a.nextHop !== b.nextHop ||
    a.reflectorClient !== b.reflectorClient ||
    a.allowOwnAs !== b.allowOwnAs ||
    a.password !== b.password ||
    a.held !== b.held ||
    a.reachableBy !== b.reachableBy ||
    (a.filters !== b.filters && a.filters.join(" ") !== b.filters.join(" "))
  );
}

/** Two nodes have the same address. */
function isOtherNode(a: Candidate, b: Candidate): boolean {
  return a.node !== undefined && b.node !== undefined && a.node !== b.node;
}

/** TCP-MD5 keys go by address, and so do incoming connections: two that only wait for them cannot be told apart. */
function exclude(a: Session, b: Session): boolean {
  const samePassword = a.password === b.password && a.held === b.held;
  return !samePassword || (a.passive && b.passive && a.sourceAddress === b.sourceAddress);
}

type Loss = "settings" | "exclude" | "mesh" | "address";

interface Losses {
  add(loss: Loss, loser: Candidate, winner: Candidate): void;
  findings(): Finding[];
}

/** One finding for each pair of resources, however many sessions it is about. */
function createLosses(): Losses {
  const byPair = new Map<string, { loss: Loss; loser: Candidate; winner: Candidate; addresses: string[] }>();
  return {
    add(loss, loser, winner) {
      const pair =
        loss === "address" ? `${loss} ${loser.node} ${winner.node}` : `${loss} ${loser.resource} ${winner.resource}`;
      const known = byPair.get(pair);
      if (known) known.addresses.push(loser.session.address);
      else byPair.set(pair, { loss, loser, winner, addresses: [loser.session.address] });
    },
    findings: () =>
      [...byPair.values()].map(({ loss, loser, winner, addresses }) => {
        const [first] = addresses.sort();
        const which = addresses.length === 1 ? first! : `${first} and ${addresses.length - 1} more`;
        return FINDINGS[loss](loser, winner, which);
      }),
  };
}

const FINDINGS: Readonly<Record<Loss, (loser: Candidate, winner: Candidate, which: string) => Finding>> = {
  settings: (loser, winner, which) => ({
    severity: "warning",
    code: "peers-conflict",
    resource: loser.resource,
    message: `${winner.resource} gives the peer ${which} too, with other settings: those of ${winner.resource} are used`,
  }),
  exclude: (loser, winner, which) => ({
    severity: "error",
    code: "peers-exclude",
    resource: loser.resource,
    message: `${winner.resource} has a session to ${which} by another port, and connections from there could not be told apart, or have another password: there is only that of ${winner.resource}`,
  }),
  mesh: (_, winner, which) => ({
    severity: "warning",
    code: "peer-in-mesh",
    resource: winner.resource,
    message: `The node-to-node mesh has the peer ${which} too: the session comes from ${winner.resource}`,
  }),
  address: (loser, winner, which) => ({
    severity: "warning",
    code: "address-twice",
    resource: `Node/${loser.node}`,
    message: `Its address ${which} is that of Node/${winner.node} too: there is one session, as for Node/${winner.node}`,
  }),
};
