import type { z } from "zod";
import type { Family } from "../../ip/address.ts";
import { present } from "../datastore/json.ts";
import { choice, field, list, mapping, optionalSection, section, shown, wholeNumber } from "./fields.ts";
import type { BgpFilterResource, FilterOperation, FilterRule } from "./model.ts";
import { type Complain, createParser } from "./parsed.ts";
import { cidrOf, community, INTERFACE, realAsn } from "./scalars.ts";

const MOST_OPERATIONS = 10;
const MOST_PREPENDED = 10;

const priority = wholeNumber(1, 2147483646);

function ruleOf(family: Family) {
  const length = wholeNumber(0, 128);
  return mapping({
    cidr: cidrOf(family),
    matchOperator: choice(["Equal", "NotEqual", "In", "NotIn"]),
    prefixLength: optionalSection({ min: length, max: length }),
    source: choice(["RemotePeers"]),
    interface: field("the name of an interface, or a pattern such as eth*, of at most 15 characters", (text) =>
      INTERFACE.test(text) ? text : undefined,
    ),
    peerType: choice(["eBGP", "iBGP"]),
    communities: optionalSection({ values: list(community) }),
    asPathPrefix: list(realAsn),
    priority,
    action: choice(["Accept", "Reject"]),
    operations: list(
      mapping({
        addCommunity: optionalSection({ value: community }),
        prependASPath: optionalSection({ prefix: list(realAsn, MOST_PREPENDED) }),
        setPriority: optionalSection({ value: priority }),
      }),
      MOST_OPERATIONS,
    ),
  });
}

const rulesV4 = list(ruleOf("ipv4"));
const rulesV6 = list(ruleOf("ipv6"));
type Rule = NonNullable<z.output<typeof rulesV4>>[number];
type Operation = NonNullable<Rule["operations"]>[number];

const bgpFilter = mapping({
  spec: section({ importV4: rulesV4, importV6: rulesV6, exportV4: rulesV4, exportV6: rulesV6 }),
});

/** A DNS subdomain, or what older releases took for a name. Policies are called after filters. */
const NAME = /^[A-Za-z0-9_.-]{1,253}$/;

/** calico-bgp.md 1.4. */
export const parseBgpFilter = createParser(bgpFilter, (name, { spec }, complain): BgpFilterResource => {
  if (!NAME.test(name)) complain("metadata.name", `expected letters, digits, -, . and _, not ${shown(name)}`);
  const rules = (key: keyof typeof spec, bits: number) =>
    (spec[key] ?? []).map((rule, i) => filterRule(rule, bits, `spec.${key}[${i}]`, complain));
  return {
    kind: "BGPFilter",
    name,
    importV4: rules("importV4", 32),
    importV6: rules("importV6", 128),
    exportV4: rules("exportV4", 32),
    exportV6: rules("exportV6", 128),
  };
});

function filterRule(rule: Rule, bits: number, path: string, complain: Complain): FilterRule {
  const { action, communities } = rule;
  if (action === undefined) complain(`${path}.action`, "is missing: Accept or Reject is needed");
  if (communities && communities.values?.length !== 1)
    complain(`${path}.communities.values`, "needs exactly one community");
  if (rule.operations?.length && action === "Reject")
    complain(`${path}.operations`, "can only stand beside the action Accept");
  const operations = (rule.operations ?? []).flatMap((operation, i) =>
    filterOperation(operation, `${path}.operations[${i}]`, complain),
  );
  return {
    action: action ?? "Reject",
    operations,
    ...present({
      prefix: prefixOf(rule, bits, path, complain),
      source: rule.source,
      interface: rule.interface,
      peerType: rule.peerType,
      community: communities?.values?.[0],
      asPathPrefix: rule.asPathPrefix?.length ? rule.asPathPrefix : undefined,
      priority: rule.priority,
    }),
  };
}

function prefixOf(rule: Rule, bits: number, path: string, complain: Complain): FilterRule["prefix"] {
  const { cidr, matchOperator: operator, prefixLength } = rule;
  if (cidr && operator) {
    const min = Math.max(cidr.length, prefixLength?.min ?? 0);
    const max = Math.min(bits, prefixLength?.max ?? bits);
    return { cidr: cidr.text, operator, ...(prefixLength && { lengths: { min, max } }) };
  }
  if (cidr) complain(`${path}.matchOperator`, "is missing: cidr says nothing without it");
  else if (operator) complain(`${path}.cidr`, "is missing: matchOperator says nothing without it");
  else if (prefixLength) complain(`${path}.cidr`, "is missing: prefixLength says nothing without it");
  return undefined;
}

function filterOperation(operation: Operation, path: string, complain: Complain): FilterOperation[] {
  const { addCommunity, prependASPath, setPriority } = operation;
  const found: FilterOperation[] = [];
  if (addCommunity?.value !== undefined) found.push({ addCommunity: addCommunity.value });
  if (prependASPath?.prefix?.length) found.push({ prependAsPath: prependASPath.prefix });
  if (setPriority?.value !== undefined) found.push({ setPriority: setPriority.value });
  const members = [addCommunity, prependASPath, setPriority].filter((member) => member !== undefined);
  if (members.length !== 1) complain(path, "needs exactly one of addCommunity, prependASPath and setPriority");
  else if (found.length === 0) complain(path, "has an operation without its value");
  return found;
}
