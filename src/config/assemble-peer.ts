/** A peer's checked keys, its group's among them, to exact types. */
import { formatAddress } from "../ip/address.ts";
import { DEFAULTS, defaultSendHoldMs } from "./defaults.ts";
import type { Reporter } from "./join.ts";
import type {
  AddPathConfig,
  DynamicPeersConfig,
  GracefulRestartConfig,
  LocalAsConfig,
  MaxPrefixesConfig,
  PeerConfig,
  PeerTimers,
} from "./model.ts";
import { isInternal } from "./own-as.ts";
import { type AddressedPeer, type LocatedPeer, placeOf, type RangePeer, type WholePeer } from "./peer-groups.ts";
import { passwordFault } from "./scalars.ts";
import type { PeerGroupInput, PeerInput } from "./schema.ts";

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined: absent keys are absent. */
export function given<T extends object>(value: T): Given<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Given<T>;
}

/** Peers made before, by the piece of a file they were made of: an unchanged peer stays the same object. */
export type PeerMemo = WeakMap<
  PeerInput,
  { readonly asn: number; readonly line: number; readonly group: PeerGroupInput | undefined; readonly made: unknown }
>;

export interface PeerContext {
  /** The router's. */
  readonly asn: number;
  readonly reporter: Reporter;
  readonly secrets: (path: string) => string | undefined;
  readonly memo: PeerMemo;
}

export function asPeer(located: LocatedPeer<AddressedPeer>, context: PeerContext): PeerConfig {
  return remembered(located, context, () => {
    const { name, address } = located.value;
    return { name, address, ...asSession(located, address.family, context) };
  });
}

export function asDynamicPeers(located: LocatedPeer<RangePeer>, context: PeerContext): DynamicPeersConfig {
  return remembered(located, context, () => {
    const { name, prefix, limit } = located.value;
    const [file, path] = placeOf(located, ["passive"]);
    if (located.value.passive !== undefined && located.value.passive !== true)
      context.reporter.error(file, path, "dynamic neighbours connect to us: remove passive, or write true");
    const template = { ...asSession(located, prefix.family, context), passive: true };
    return { name, prefix, limit: limit ?? DEFAULTS.dynamicPeers.limit, template };
  });
}

function remembered<T>(located: LocatedPeer, { asn, memo, reporter }: PeerContext, make: () => T): T {
  const { own, line, value } = located;
  const group = located.group?.value;
  const known = memo.get(own);
  if (known && known.asn === asn && known.line === line && known.group === group) return known.made as T;
  const before = reporter.reports;
  const made = make();
  // What a password file holds may change without the peer's own text, and a fault is to be found again.
  if (value.passwordFile === undefined && reporter.reports === before) memo.set(own, { asn, line, group, made });
  return made;
}

function asSession(
  located: LocatedPeer,
  family: "ipv4" | "ipv6",
  context: PeerContext,
): DynamicPeersConfig["template"] {
  const input = located.value;
  const password = asPassword(located, context);
  const { multihop, ttlSecurity, allowOwnAs, allowAsSets, enforceFirstAs } = input;
  const localAs = input.localAs && asLocalAs(located, context);
  const maxPrefixesIn = input.maxPrefixesIn && asMaxPrefixes(located, "maxPrefixesIn", context);
  const maxPrefixesOut = input.maxPrefixesOut && asMaxPrefixes(located, "maxPrefixesOut", context);
  return {
    ...given({
      group: input.group,
      description: input.description,
      localAddress: input.localAddress,
      import: input.import,
      export: input.export,
      ttl: typeof multihop === "number" ? multihop : undefined,
      ttlSecurity,
      interface: input.interface,
      localAs,
      maxPrefixesIn,
      maxPrefixesOut,
      password,
      passwordFile: input.passwordFile,
      clusterId: input.clusterId,
    }),
    port: input.port ?? DEFAULTS.port,
    asn: input.asn,
    families: input.families === undefined ? [family] : [...new Set(input.families)],
    passive: asPassive(located, context),
    routeReflectorClient: input.routeReflectorClient ?? DEFAULTS.peer.routeReflectorClient,
    nextHop: input.nextHop ?? DEFAULTS.peer.nextHop,
    multihop:
      multihop === undefined
        ? isInternal(context, { asn: input.asn, ...(localAs && { localAs }) })
        : multihop !== false,
    allowOwnAs: allowOwnAs ?? DEFAULTS.peer.allowOwnAs,
    allowAsSets: allowAsSets ?? DEFAULTS.peer.allowAsSets,
    enforceFirstAs: enforceFirstAs ?? DEFAULTS.peer.enforceFirstAs,
    defaultOnly: input.defaultOnly ?? DEFAULTS.peer.defaultOnly,
    disabled: (input.disabled ?? DEFAULTS.peer.disabled) !== false,
    ...(typeof input.disabled === "string" && { disabledReason: input.disabled }),
    gracefulRestart: asGracefulRestart(input.gracefulRestart ?? {}),
    addPath: { ...DEFAULTS.addPath, ...given(input.addPath ?? {}) } as AddPathConfig,
    timers: asTimers(input.timers ?? {}),
    capabilities: {
      ...DEFAULTS.capabilities,
      enhancedRouteRefresh: input.capabilities?.routeRefresh ?? DEFAULTS.capabilities.enhancedRouteRefresh,
      ...given(input.capabilities ?? {}),
    } as PeerConfig["capabilities"],
    origin: { file: located.file, line: located.line },
  };
}

function asPassword(located: LocatedPeer, { reporter, secrets }: PeerContext): string | undefined {
  const { password, passwordFile } = located.value;
  if (passwordFile === undefined) return password;
  const read = secrets(passwordFile)?.replace(/\r?\n$/, "");
  const fault = read === undefined ? "it cannot be read" : passwordFault(read);
  const [file, path] = placeOf(located, ["passwordFile"]);
  if (password !== undefined) reporter.error(file, path, "password and passwordFile exclude each other");
  else if (fault !== undefined) reporter.error(file, path, `no password from \`${passwordFile}\`: ${fault}`);
  return read;
}

function asPassive(located: LocatedPeer, { reporter }: PeerContext): boolean {
  const { passive, address, localAddress } = located.value;
  if (passive !== "byAddress") return passive ?? DEFAULTS.peer.passive;
  // That of dynamic neighbours is reported with them.
  if (!address) return true;
  if (localAddress) return formatAddress(address) > formatAddress(localAddress);
  const [file, path] = placeOf(located, ["passive"]);
  reporter.error(file, path, "byAddress compares with localAddress: set localAddress to our address");
  return false;
}

function asLocalAs(located: LocatedPeer, { reporter }: PeerContext): LocalAsConfig | undefined {
  const { asn, noPrepend, replaceAs } = located.value.localAs!;
  if (asn !== undefined)
    return {
      asn,
      noPrepend: noPrepend ?? DEFAULTS.localAs.noPrepend,
      replaceAs: replaceAs ?? DEFAULTS.localAs.replaceAs,
    };
  const [file, path] = placeOf(located, ["localAs"]);
  reporter.error(file, path, "missing key `asn`: the AS number that stands for ours");
  return undefined;
}

function asMaxPrefixes(
  located: LocatedPeer,
  key: "maxPrefixesIn" | "maxPrefixesOut",
  { reporter }: PeerContext,
): MaxPrefixesConfig {
  const { limit, warnPercent, action, restartAfter } = located.value[key]!;
  const [file, path] = placeOf(located, [key]);
  if (limit === undefined) reporter.error(file, path, "missing key `limit`: a number of prefixes");
  return {
    limit: limit ?? 0,
    warnPercent: warnPercent ?? DEFAULTS.maxPrefixes.warnPercent,
    action: action ?? DEFAULTS.maxPrefixes.action,
    restartAfterMs: restartAfter ?? DEFAULTS.maxPrefixes.restartAfter,
  };
}

function asGracefulRestart(input: NonNullable<WholePeer["gracefulRestart"]>): GracefulRestartConfig {
  const { gracefulRestart: defaults } = DEFAULTS;
  return {
    mode: input.mode ?? defaults.mode,
    restartTimeMs: input.restartTime ?? defaults.restartTime,
    staleTimeMs: input.staleTime ?? defaults.staleTime,
    notification: input.notification ?? defaults.notification,
    longLived: input.longLived ?? defaults.longLived,
    longLivedStaleTimeMs: input.longLivedStaleTime ?? defaults.longLivedStaleTime,
    staleToOthers: input.staleToOthers ?? defaults.staleToOthers,
  };
}

function asTimers(input: NonNullable<WholePeer["timers"]>): PeerTimers {
  const { timers: defaults } = DEFAULTS;
  const holdMs = input.hold ?? defaults.hold;
  return {
    holdMs,
    ...(input.keepalive !== undefined && { keepaliveMs: input.keepalive }),
    connectRetryMs: input.connectRetry ?? defaults.connectRetry,
    connectDelayMs: input.connectDelay ?? defaults.connectDelay,
    delayOpenMs: input.delayOpen ?? defaults.delayOpen,
    idleHoldMinMs: input.idleHoldMin ?? defaults.idleHoldMin,
    idleHoldMaxMs: input.idleHoldMax ?? Math.max(defaults.idleHoldMax, input.idleHoldMin ?? 0),
    sendHoldMs: input.sendHold ?? defaultSendHoldMs(holdMs),
  };
}
