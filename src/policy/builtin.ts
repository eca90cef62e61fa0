import type { Family } from "../ip/address.ts";
import { octetsOf } from "../ip/address.ts";
import type { Policy, PrefixMatch } from "./types.ts";

const exactDefault = (family: Family): PrefixMatch => ({
  prefix: { family, bytes: new Uint8Array(octetsOf(family)), length: 0 },
  ge: 0,
  le: 0,
});

/** As a peer's export policy it is more than a filter: we originate the default route ourselves. */
export const DEFAULT_ONLY = "default-only";

/** Policies that need no definition. `default-only` passes 0.0.0.0/0 and ::/0 and nothing else. */
export const BUILTIN_POLICIES: readonly Policy[] = [
  { name: "accept", rules: [{ match: {}, set: {}, action: "accept" }] },
  { name: "reject", rules: [{ match: {}, set: {}, action: "reject" }] },
  {
    name: DEFAULT_ONLY,
    rules: [{ match: { prefixes: [exactDefault("ipv4"), exactDefault("ipv6")] }, set: {}, action: "accept" }],
  },
];

export function builtinPolicy(name: string): Policy | undefined {
  return BUILTIN_POLICIES.find((policy) => policy.name === name);
}
