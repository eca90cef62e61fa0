/** Checked pieces to exact types, with every default filled in. */

import { parseAddress } from "../ip/address.ts";
import { asDynamicPeers, asPeer, given, type PeerMemo } from "./assemble-peer.ts";
import { asPolicy } from "./assemble-policy.ts";
import { DEFAULTS } from "./defaults.ts";
import type { Joined, Reporter } from "./join.ts";
import type { Config, KernelConfig, LimitsConfig, ListenConfig, RouterConfig, StaticRoute } from "./model.ts";
import type { StaticInput } from "./parse-file.ts";
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
    direct: { except: joined.sections.direct.except ?? [] },
    log: given(joined.sections.log),
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
