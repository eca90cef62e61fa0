/** Checked pieces to exact types, with every default filled in. */

import type { AttributeEdits } from "../bgp/path-attributes.ts";
import { parseAddress } from "../ip/address.ts";
import type { KernelEdits, Policy, PolicyMatch, PolicyRule } from "../policy/types.ts";
import { asDynamicPeers, asPeer, given, type PeerMemo } from "./assemble-peer.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Joined, type Reporter, unknownName } from "./join.ts";
import type { Config, KernelConfig, LimitsConfig, ListenConfig, RouterConfig, StaticRoute } from "./model.ts";
import type { Located, StaticInput } from "./parse-file.ts";
import type { RuleInput } from "./policy-schema.ts";
import type { FileInput } from "./schema.ts";

export function asConfig(
  joined: Joined,
  reporter: Reporter,
  secrets: (path: string) => string | undefined,
  memo: PeerMemo,
): Config {
  const router = asRouter(joined.sections.router);
  if (joined.definedIn("router") === "")
    reporter.error("", [], "no configuration: there are neither *.yaml nor peers/*.yaml files");
  else if (joined.sections.router.asn === undefined && !joined.broken.has("router"))
    reporter.error(joined.definedIn("router"), ["router"], "missing key `asn`: our AS number, from 1 to 4294967295");
  const context = { asn: router.asn, reporter, secrets, memo };
  const peers = joined.peers.map((peer) => asPeer(peer, context));
  const dynamicPeers = joined.dynamicPeers.map((peer) => asDynamicPeers(peer, context));
  // Whoever asks peers to keep sending packets here must not take the routes away.
  const keepOnExit = [...peers, ...dynamicPeers.map(({ template }) => template)].some(
    ({ gracefulRestart }) => gracefulRestart.mode === "on",
  );
  const keepOnShutdown = joined.sections.kernel.keepOnExit === true;
  return {
    router,
    kernel: { ...DEFAULTS.kernel, keepOnExit, keepOnShutdown, ...given(joined.sections.kernel) } as KernelConfig,
    static: joined.static.map(({ value }) => asStatic(value)),
    policies: [...joined.policies].map(([name, policy]) => asPolicy(name, policy, joined, router.asn, reporter)),
    peers,
    dynamicPeers,
    limits: { ...DEFAULTS.limits, ...given(joined.sections.limits) } as LimitsConfig,
  };
}

function asRouter(input: NonNullable<FileInput["router"]>): RouterConfig {
  const listen = input.listen ?? DEFAULTS.listen.map((text) => ({ address: parseAddress(text)! }));
  return {
    ...given({ id: input.id, clusterId: input.clusterId }),
    asn: input.asn ?? 0,
    gracefulShutdown: input.gracefulShutdown ?? DEFAULTS.router.gracefulShutdown,
    listen: listen.map((each): ListenConfig => ({ port: DEFAULTS.port, ...given(each) })),
  } as RouterConfig;
}

function asStatic(input: StaticInput): StaticRoute {
  return {
    prefix: input.prefix,
    via: (input.via ?? []).map((hop) => given(hop)),
    blackhole: input.blackhole ?? DEFAULTS.static.blackhole,
    metric: input.metric ?? DEFAULTS.static.metric,
  };
}

function asPolicy(
  name: string,
  policy: Located<readonly RuleInput[] | undefined>,
  joined: Joined,
  asn: number,
  reporter: Reporter,
): Policy {
  const rules = (policy.value ?? []).map((rule, i): PolicyRule => {
    const { prefixSets, ...match } = given(rule.match ?? {});
    const fromSets = (prefixSets ?? []).flatMap((set, at) => {
      const found = joined.prefixSets.get(set);
      if (!found)
        reporter.error(
          policy.file,
          [...policy.path, i, "match", "prefixSets", at],
          unknownName("prefix set", set, joined.prefixSets.keys()),
        );
      return found?.value ?? [];
    });
    const prefixes = prefixSets || match.prefixes ? { prefixes: [...(match.prefixes ?? []), ...fromSets] } : {};
    return { match: { ...match, ...prefixes } as PolicyMatch, set: asEdits(rule.set ?? {}, asn), action: rule.action };
  });
  return { name, rules };
}

function asEdits(set: NonNullable<RuleInput["set"]>, asn: number): AttributeEdits & KernelEdits {
  const { prepend, ...rest } = given(set);
  if (prepend === undefined) return rest;
  return { ...rest, prepend: typeof prepend === "number" ? new Array<number>(prepend).fill(asn) : prepend };
}
