/** BIRD's configuration from a plan, for either version. */
import {
  type FamilyName,
  familiesOf,
  familyOf,
  type SessionPlan,
  type SpeakerPlan,
  type StaticPlan,
} from "./speaker.ts";

export interface BirdDialect {
  readonly version: 1 | 2;
  /** The families of this daemon: BIRD 1.6 is a daemon per family. */
  readonly families: readonly FamilyName[];
}

export function birdConfig(plan: SpeakerPlan, dialect: BirdDialect): string {
  const parts = [
    "log stderr all;",
    `router id ${plan.routerId};`,
    "protocol device { scan time 1; }",
    dialect.version === 1 ? "protocol direct { }" : "protocol direct { ipv4; ipv6; }",
    ...dialect.families.flatMap((family) => tableProtocols(plan, family, dialect)),
    ...plan.sessions
      .filter((session) => familiesOf(session).some((family) => dialect.families.includes(family)))
      .map((session) => bgpProtocol(plan, session, dialect)),
  ];
  return `${parts.join("\n")}\n`;
}

function tableProtocols(plan: SpeakerPlan, family: FamilyName, dialect: BirdDialect): string[] {
  const suffix = family === "ipv4" ? "4" : "6";
  const statics = staticsOf(plan, family).map((route) => `  route ${route.prefix} ${staticTarget(route)};`);
  const channel = dialect.version === 1 ? "" : `  ${family};\n`;
  if (plan.sessions.some((session) => session.exports === "default"))
    statics.push(`  route ${defaultOf(family)} unreachable;`);
  const parts = [`protocol static static${suffix} {\n${channel}${statics.join("\n")}\n}`];
  if (plan.kernel === false) return parts;
  const rules = "import all; export where source = RTS_BGP;";
  const merge = (plan.multipath ?? 1) > 1 ? `merge paths on limit ${plan.multipath};` : "";
  // Routes that are to outlive the daemon; without it they go with it.
  const restarts = plan.sessions.some((session) => session.gracefulRestart?.mode === "on");
  const persist = restarts ? "persist; graceful restart on;" : "";
  const inner = dialect.version === 1 ? `${rules} ${merge}` : `${merge} ${family} { ${rules} };`;
  return [...parts, `protocol kernel kernel${suffix} {\n  learn; scan time 1; ${persist} ${inner}\n}`];
}

function defaultOf(family: FamilyName): string {
  return family === "ipv4" ? "0.0.0.0/0" : "::/0";
}

function staticsOf(plan: SpeakerPlan, family: FamilyName): StaticPlan[] {
  return (plan.statics ?? []).filter((route) => familyOf(route.prefix) === family);
}

function staticTarget(route: StaticPlan): string {
  return route.via === undefined ? "blackhole" : `via ${route.via}`;
}

function bgpProtocol(plan: SpeakerPlan, session: SessionPlan, dialect: BirdDialect): string {
  const asn = session.localAs ?? plan.asn;
  const local = dialect.version === 1 ? [`local as ${asn}`, `source address ${session.local}`] : [];
  if (dialect.version === 2) local.push(`local ${session.local} as ${asn}`);
  const debug = plan.isPlain === true ? [] : ["debug { states, events }"];
  const lines = [...debug, ...local, `neighbor ${session.remote} ${remoteAs(session, dialect)}`];
  lines.push(
    `hold time ${plan.holdSeconds ?? 9}`,
    "connect delay time 1",
    "connect retry time 2",
    "error wait time 1, 2",
  );
  if (session.multihop === true) lines.push("multihop");
  if (session.password !== undefined) lines.push(`password "${session.password}"`);
  if (session.passive === true) lines.push("passive on");
  if (session.reflectorClient === true) lines.push("rr client");
  if (plan.clusterId !== undefined) lines.push(`rr cluster id ${plan.clusterId}`);
  if (session.fourOctetAs === false) lines.push("enable as4 off");
  if (session.ttlSecurity !== undefined) lines.push("ttl security on");
  if (session.allowOwnAs !== undefined) lines.push(`allow local as ${session.allowOwnAs}`);
  lines.push(...restartLines(session));
  const channel = channelLines(session).join(" ");
  const rules = (family: FamilyName) =>
    `import all; export ${plan.isPlain === true ? "all" : exportFilter(plan, session, family, dialect.version === 1 && session.asn !== asn ? asn : undefined)};${session.nextHopSelf === true ? " next hop self;" : ""} ${channel}`;
  const channels =
    dialect.version === 1
      ? rules(dialect.families[0]!)
      : familiesOf(session)
          .map((family) => `${family} { ${rules(family)} };`)
          .join("\n  ");
  return `protocol bgp ${session.name} {\n  ${lines.map((line) => `${line};`).join("\n  ")}\n  ${channels}\n}`;
}

/** Without 4-octet ASes BIRD 2 refuses to configure a neighbour's and does not take AS_TRANS for it; any AS it does take. */
function remoteAs(session: SessionPlan, dialect: BirdDialect): string {
  return dialect.version === 2 && session.asn === AS_TRANS ? "external" : `as ${session.asn}`;
}

const AS_TRANS = 23456;

function restartLines(session: SessionPlan): string[] {
  const restart = session.gracefulRestart;
  if (restart === undefined) return [];
  const { longLivedSeconds } = restart;
  return [
    `graceful restart ${restart.mode === "on" ? "on" : "aware"}`,
    `graceful restart time ${restart.restartSeconds ?? 60}`,
    ...(longLivedSeconds === undefined
      ? []
      : ["long lived graceful restart on", `long lived stale time ${longLivedSeconds}`]),
  ];
}

/** Of the session in BIRD 1.6, of each channel in BIRD 2. */
function channelLines(session: SessionPlan): string[] {
  const paths = { receive: "rx", send: "tx", both: "on" } as const;
  return [
    ...(session.addPath === undefined ? [] : [`add paths ${paths[session.addPath]};`]),
    ...(session.maxPrefixes === undefined ? [] : [`receive limit ${session.maxPrefixes} action restart;`]),
  ];
}

/** Own static routes, with their prepends, and what other sessions gave. BIRD 1.6 adds our AS before its filter runs. */
function exportFilter(plan: SpeakerPlan, session: SessionPlan, family: FamilyName, ownAs: number | undefined): string {
  const isDefault = `net = ${defaultOf(family)}`;
  if (session.exports === "own") return "where source = RTS_STATIC";
  if (session.exports?.startsWith("default")) return `where ${isDefault}`;
  const prepends = staticsOf(plan, family)
    .filter((route) => route.prepend !== undefined || route.communities !== undefined)
    .map((route) => {
      const given = route.prepend ?? [];
      const path = ownAs === undefined || given.length === 0 ? given : [ownAs, ...given];
      const steps = path.toReversed().map((asn) => `bgp_path.prepend(${asn});`);
      if (ownAs !== undefined && given.length > 0) steps.unshift("bgp_path.empty;");
      for (const community of route.communities ?? [])
        steps.push(`bgp_community.add((${community.replace(":", ",")}));`);
      return `if net = ${route.prefix} then { ${steps.join(" ")} }`;
    });
  const excluded = session.exports === "allButDefault" ? `if ${isDefault} then reject; ` : "";
  return `filter { ${excluded}if source != RTS_STATIC && source != RTS_BGP then reject; ${prepends.join(" ")} accept; }`;
}
