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
 * every BGPPeer that gives a session to the same address.
 */
export function choose(explicit: readonly Candidate[], mesh: readonly Candidate[]): Chosen {
  const sessions: Session[] = [];
  const byKey = new Map<string, Candidate>();
  const byAddress = new Map<string, Candidate[]>();
  const losses = createLosses();
  for (const each of explicit) {
    const first = byKey.get(each.key);
    if (first) {
      if (first.resource !== each.resource && differ(first.session, each.session)) losses.add("settings", each, first);
      else if (isOtherNode(first, each)) losses.add("address", each, first);
      continue;
    }
    const siblings = byAddress.get(each.session.address);
    const rival = siblings?.find((sibling) => exclude(sibling.session, each.session));
    if (rival) {
      losses.add("exclude", each, rival);
      continue;
    }
    byKey.set(each.key, each);
    if (siblings) siblings.push(each);
    else byAddress.set(each.session.address, [each]);
    sessions.push(each.session);
  }
  const inMesh = new Map<string, Candidate>();
  for (const each of mesh) {
    const { address } = each.session;
    const rival = byAddress.get(address)?.[0];
    const twin = inMesh.get(address);
    if (rival) losses.add("mesh", each, rival);
    else if (twin) losses.add("address", each, twin);
    else {
      inMesh.set(address, each);
      sessions.push(each.session);
    }
  }
  return { sessions, findings: losses.findings() };
}

const SETTINGS = [
  "asn",
  "localAsn",
  "sourceAddress",
  "restartTime",
  "keepaliveTime",
  "ttlSecurity",
  "nextHop",
  "reflectorClient",
  "allowOwnAs",
  "password",
  "held",
  "reachableBy",
] as const satisfies readonly (keyof Session)[];

function differ(a: Session, b: Session): boolean {
  for (const key of SETTINGS) if (a[key] !== b[key]) return true;
  return a.filters !== b.filters && a.filters.join(" ") !== b.filters.join(" ");
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
