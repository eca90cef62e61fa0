/** The node-to-node mesh (calico-bgp.md 3.3). */
import {
  type Candidate,
  candidate,
  endsAt,
  restartTime,
  type SessionContext,
  type SessionOptions,
  sayOf,
} from "./candidate.ts";
import type { NodeRow } from "./node-index.ts";

const RESOURCE = "BGPConfiguration/default";

/** One for each other node and family; none where the mesh is off, or our node is a route reflector. */
export function meshCandidates(context: SessionContext): Candidate[] {
  const { facts, index, passwords, memo, stamp, findings } = context;
  const { mesh } = facts;
  const found: Candidate[] = [];
  if (!mesh.enabled || facts.clusterId !== undefined) return found;
  const { password, held } = passwords.of(mesh.password, RESOURCE);
  const options: SessionOptions = {
    kind: "mesh",
    resource: RESOURCE,
    origin: "mesh",
    credential: { ...(password !== undefined && { password }), ...(held !== undefined && { held }) },
    useNodeAddress: true,
    passive: "byAddress",
    restartTime: restartTime(mesh.maxRestartTime, "nodeMeshMaxRestartTime", sayOf(RESOURCE, findings)),
    keepOriginalNextHop: false,
    allowOwnAs: 0,
    filters: [],
  };
  const made = memo.of("mesh", [stamp, password, held, options.restartTime]);
  for (const row of index.all) {
    if (row.clusterId !== undefined || row.name === facts.own.name) continue;
    let ofRow = made.get(row);
    if (!ofRow) {
      ofRow = toNode(context, options, row);
      made.set(row, ofRow);
    }
    for (const each of ofRow) found.push(each);
  }
  return found;
}

function toNode(context: SessionContext, options: SessionOptions, row: NodeRow): Candidate[] {
  const found: Candidate[] = [];
  for (const end of endsAt(row, context)) {
    const made = candidate(context, options, end, `Node/${row.name}`, row.name);
    if (made) found.push(made);
  }
  return found;
}
