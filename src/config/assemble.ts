/** Checked pieces to exact types, with every default filled in. */

import type { AttributeEdits } from "../bgp/path-attributes.ts";
import { parseAddress } from "../ip/address.ts";
import type { KernelEdits, Policy, PolicyMatch, PolicyRule } from "../policy/types.ts";
import { DEFAULTS, defaultSendHoldMs } from "./defaults.ts";
import { type Joined, type Reporter, unknownName } from "./join.ts";
import type { Config, KernelConfig, LimitsConfig, PeerConfig, RouterConfig, StaticRoute } from "./model.ts";
import type { Located, StaticInput } from "./parse-file.ts";
import type { RuleInput } from "./policy-schema.ts";
import { passwordFault } from "./scalars.ts";
import type { FileInput, PeerInput } from "./schema.ts";

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined: absent keys are absent. */
function given<T extends object>(value: T): Given<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Given<T>;
}

/** Peers made before, by the piece of a file they were made of: an unchanged peer stays the same object. */
export type PeerMemo = WeakMap<PeerInput, { readonly asn: number; readonly line: number; readonly peer: PeerConfig }>;

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
  return {
    router,
    kernel: { ...DEFAULTS.kernel, ...given(joined.sections.kernel) } as KernelConfig,
    static: joined.static.map(({ value }) => asStatic(value)),
    policies: [...joined.policies].map(([name, policy]) => asPolicy(name, policy, joined, router.asn, reporter)),
    peers: joined.peers.map((peer) => rememberedPeer(peer, router.asn, reporter, secrets, memo)),
    dynamicPeers: [],
    limits: { ...DEFAULTS.limits, ...given(joined.sections.limits) } as LimitsConfig,
  };
}

function asRouter(input: NonNullable<FileInput["router"]>): RouterConfig {
  const listen = input.listen ?? DEFAULTS.listen.map((text) => ({ address: parseAddress(text)!, port: DEFAULTS.port }));
  return {
    ...given({ id: input.id, clusterId: input.clusterId }),
    asn: input.asn ?? 0,
    gracefulShutdown: true,
    listen: listen.map(({ address, port }) => ({ address, port: port ?? DEFAULTS.port })),
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

function rememberedPeer(
  located: Located<PeerInput>,
  asn: number,
  reporter: Reporter,
  secrets: (path: string) => string | undefined,
  memo: PeerMemo,
): PeerConfig {
  const { value, line } = located;
  const known = memo.get(value);
  if (known && known.asn === asn && known.line === line) return known.peer;
  const peer = asPeer(located, asn, reporter, secrets);
  // What a password file holds may change without the peer's own text.
  if (value.passwordFile === undefined) memo.set(value, { asn, line, peer });
  return peer;
}

function asPeer(
  { value: input, file, line, path }: Located<PeerInput>,
  ownAsn: number,
  reporter: Reporter,
  secrets: (path: string) => string | undefined,
): PeerConfig {
  const { families, timers = {}, capabilities = {}, password: inline, port, ...rest } = given(input);
  const holdMs = timers.hold ?? DEFAULTS.timers.hold;
  let password = inline;
  if (input.passwordFile !== undefined) {
    password = secrets(input.passwordFile)?.replace(/\r?\n$/, "");
    const fault = password === undefined ? "it cannot be read" : passwordFault(password);
    const at = [...path, "passwordFile"];
    if (inline !== undefined) reporter.error(file, at, "password and passwordFile exclude each other");
    else if (fault !== undefined) reporter.error(file, at, `no password from \`${input.passwordFile}\`: ${fault}`);
  }
  return {
    ...DEFAULTS.peer,
    multihop: input.asn === ownAsn,
    ...rest,
    ...(password !== undefined && { password }),
    port: port ?? DEFAULTS.port,
    families: families === undefined ? [input.address.family] : [...new Set(families)],
    timers: {
      holdMs,
      ...(timers.keepalive !== undefined && { keepaliveMs: timers.keepalive }),
      connectRetryMs: timers.connectRetry ?? DEFAULTS.timers.connectRetry,
      connectDelayMs: timers.connectDelay ?? DEFAULTS.timers.connectDelay,
      delayOpenMs: timers.delayOpen ?? DEFAULTS.timers.delayOpen,
      idleHoldMinMs: timers.idleHoldMin ?? DEFAULTS.timers.idleHoldMin,
      idleHoldMaxMs: timers.idleHoldMax ?? Math.max(DEFAULTS.timers.idleHoldMax, timers.idleHoldMin ?? 0),
      sendHoldMs: timers.sendHold ?? defaultSendHoldMs(holdMs),
    },
    gracefulRestart: {
      mode: DEFAULTS.gracefulRestart.mode,
      restartTimeMs: DEFAULTS.gracefulRestart.restartTime,
      staleTimeMs: DEFAULTS.gracefulRestart.staleTime,
      notification: DEFAULTS.gracefulRestart.notification,
      longLived: DEFAULTS.gracefulRestart.longLived,
      longLivedStaleTimeMs: DEFAULTS.gracefulRestart.longLivedStaleTime,
    },
    addPath: DEFAULTS.addPath,
    capabilities: { ...DEFAULTS.capabilities, ...given(capabilities) } as PeerConfig["capabilities"],
    origin: { file, line },
  };
}
