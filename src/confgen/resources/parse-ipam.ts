import type { Cidr } from "./cidr.ts";
import { choice, field, flag, mapping, section, words } from "./fields.ts";
import type { BlockAffinityResource, IpPoolResource } from "./model.ts";
import { createParser } from "./parsed.ts";
import { cidr } from "./scalars.ts";

const encapsulation = choice(["Never", "Always", "CrossSubnet"]);

const ipPool = mapping({
  spec: section({ cidr, ipipMode: encapsulation, vxlanMode: encapsulation, disableBGPExport: flag }),
});

function isLinkLocal({ text, length }: Cidr): boolean {
  return (/^169\.254\./.test(text) && length >= 16) || (/^fe[89ab]/.test(text) && length >= 10);
}

/** calico-bgp.md 1.5. */
export const parseIpPool = createParser(ipPool, (name, { spec }, complain): IpPoolResource => {
  const { cidr } = spec;
  const ipipMode = spec.ipipMode ?? "Never";
  const vxlanMode = spec.vxlanMode ?? "Never";
  if (!cidr) complain("spec.cidr", "is missing");
  else if (isLinkLocal(cidr)) complain("spec.cidr", `${cidr.text} is link-local`);
  if (ipipMode !== "Never" && vxlanMode !== "Never")
    complain("spec", "has both ipipMode and vxlanMode; a pool has one encapsulation");
  if (ipipMode !== "Never" && cidr?.family === "ipv6")
    complain("spec.ipipMode", `must be Never for an IPv6 pool, not ${ipipMode}`);
  return {
    kind: "IPPool",
    name,
    family: cidr?.family ?? "ipv4",
    cidr: cidr?.text ?? "",
    ipipMode,
    vxlanMode,
    disableBgpExport: spec.disableBGPExport ?? false,
  };
});

const readableCidr = mapping({ spec: mapping({ cidr }) });

/** Of a pool that is invalid otherwise. */
export function cidrOfPool(object: unknown): string | undefined {
  const result = readableCidr.safeParse(object);
  return result.success ? result.data.spec.cidr?.text : undefined;
}

const blockAffinity = mapping({
  spec: section({
    cidr,
    node: words("the name of a node", 253),
    type: field("host or virtual", (text) => (text === "host" || text === "virtual" ? text : undefined)),
    state: words("a state", 64),
    deleted: flag,
  }),
});

/** Only a state that is empty or `confirmed` makes the block one's own, and only `pending` makes it none at all. */
function stateOf(state: string | undefined, deleted: boolean | undefined): BlockAffinityResource["state"] {
  if (state === "pending") return state;
  return !deleted && (state === undefined || state === "confirmed") ? (state ?? "") : "pendingDeletion";
}

/** calico-bgp.md 1.6, 3.10. An affinity that is marked as deleted is on its way out, whatever its state says. */
export const parseBlockAffinity = createParser(blockAffinity, (name, { spec }, complain): BlockAffinityResource => {
  const { cidr, node } = spec;
  if (!cidr) complain("spec.cidr", "is missing");
  if (node === undefined) complain("spec.node", "is missing");
  return {
    kind: "BlockAffinity",
    name,
    family: cidr?.family ?? "ipv4",
    cidr: cidr?.text ?? "",
    node: node ?? "",
    type: spec.type ?? "host",
    state: stateOf(spec.state, spec.deleted),
  };
});
