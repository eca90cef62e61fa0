/** Peer groups: what sessions share stands once, so that a peer's file is small and rarely changes. */
import { FAMILIES, type Family } from "../../ip/address.ts";
import type { ClusterFacts } from "./cluster.ts";
import type { PeerGroup } from "./document.ts";
import { basePolicy } from "./policies.ts";
import type { Session } from "./session.ts";

export function groupName(kind: Session["kind"], family: Family): string {
  return `${kind === "mesh" ? "mesh" : "calico"}-${family}`;
}

/** Of the families in which there are such sessions. */
export function peerGroups(sessions: readonly Session[], facts: ClusterFacts): readonly PeerGroup[] {
  const byGroup = new Map<string, Session[]>();
  for (const session of sessions) {
    const name = groupName(session.kind, session.family);
    const members = byGroup.get(name);
    if (members) members.push(session);
    else byGroup.set(name, [session]);
  }
  return FAMILIES.flatMap((family): PeerGroup[] => {
    const base = { family, import: basePolicy("import", family), export: basePolicy("export", family) };
    const calico = groupName("global", family);
    const mesh = groupName("mesh", family);
    const members = byGroup.get(mesh);
    return [
      ...(byGroup.has(calico)
        ? [{ ...base, name: calico, comment: "All sessions but the mesh's.", passiveByAddress: false }]
        : []),
      ...(members ? [{ ...base, name: mesh, comment: "The node-to-node mesh.", ...sharedBy(members, facts) }] : []),
    ];
  });
}

/** Keys that a peer could not take back stand in the group only where all have them alike. */
function sharedBy(members: readonly Session[], facts: ClusterFacts) {
  const first = members[0]!;
  const alike = (key: "port" | "sourceAddress" | "restartTime" | "password" | "held") =>
    members.every((session) => session[key] === first[key]);
  const localAddress = alike("sourceAddress") ? first.sourceAddress : undefined;
  return {
    asn: facts.asn,
    passiveByAddress: localAddress !== undefined,
    ...(localAddress !== undefined && { localAddress }),
    ...(first.port !== undefined && alike("port") && { port: first.port }),
    ...(first.restartTime !== undefined && alike("restartTime") && { restartTime: first.restartTime }),
    ...(first.password !== undefined && alike("password") && { password: first.password }),
    ...(first.held !== undefined && alike("held") && { held: first.held }),
  };
}
