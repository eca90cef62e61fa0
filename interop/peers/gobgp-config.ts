/** gobgpd's configuration from a plan, and the commands for its own routes. */
import { familiesOf, familyOf, type SessionPlan, type SpeakerPlan, type StaticPlan } from "./speaker.ts";

export function gobgpConfig(plan: SpeakerPlan): string {
  const locals = [...new Set(plan.sessions.map((session) => session.local))];
  const lines = [
    "[global.config]",
    `  as = ${plan.asn}`,
    `  router-id = "${plan.routerId}"`,
    `  local-address-list = [${locals.map((local) => `"${local}"`).join(", ")}]`,
    ...plan.sessions.flatMap((session) => neighbor(plan, session)),
  ];
  return `${lines.join("\n")}\n`;
}

function neighbor(plan: SpeakerPlan, session: SessionPlan): string[] {
  const hold = plan.holdSeconds ?? 9;
  const restart = session.gracefulRestart;
  return [
    "[[neighbors]]",
    "  [neighbors.config]",
    `    neighbor-address = "${session.remote}"`,
    `    peer-as = ${session.asn}`,
    // Until its own routes are in its table: its End-of-RIB would come before them.
    "    admin-down = true",
    ...(session.localAs === undefined ? [] : [`    local-as = ${session.localAs}`]),
    ...(session.password === undefined ? [] : [`    auth-password = "${session.password}"`]),
    `  [neighbors.transport.config]`,
    `    local-address = "${session.local}"`,
    ...(session.passive === true ? ["    passive-mode = true"] : []),
    `  [neighbors.timers.config]`,
    `    hold-time = ${hold}`,
    `    keepalive-interval = ${Math.max(1, Math.floor(hold / 3))}`,
    "    connect-retry = 1",
    "    idle-hold-time-after-reset = 1",
    ...(session.multihop === true
      ? [`  [neighbors.ebgp-multihop.config]`, "    enabled = true", "    multihop-ttl = 64"]
      : []),
    ...(session.ttlSecurity === undefined
      ? []
      : [`  [neighbors.ttl-security.config]`, "    enabled = true", `    ttl-min = ${256 - session.ttlSecurity}`]),
    ...(session.allowOwnAs === undefined
      ? []
      : ["  [neighbors.as-path-options.config]", `    allow-own-as = ${session.allowOwnAs}`]),
    ...(session.reflectorClient === true
      ? [
          `  [neighbors.route-reflector.config]`,
          "    route-reflector-client = true",
          `    route-reflector-cluster-id = "${plan.clusterId ?? plan.routerId}"`,
        ]
      : []),
    ...(restart === undefined
      ? []
      : [
          `  [neighbors.graceful-restart.config]`,
          "    enabled = true",
          `    helper-only = ${restart.mode === "aware"}`,
          `    restart-time = ${restart.restartSeconds ?? 60}`,
          `    notification-enabled = ${restart.notification === true}`,
          `    long-lived-enabled = ${restart.longLivedSeconds !== undefined}`,
          "    deferral-time = 5",
        ]),
    ...familiesOf(session).flatMap((family) => familyLines(session, family)),
  ];
}

function familyLines(session: SessionPlan, family: string): string[] {
  const restart = session.gracefulRestart;
  return [
    `  [[neighbors.afi-safis]]`,
    `    [neighbors.afi-safis.config]`,
    `      afi-safi-name = "${family}-unicast"`,
    ...(restart === undefined ? [] : [`    [neighbors.afi-safis.mp-graceful-restart.config]`, "      enabled = true"]),
    ...(restart?.longLivedSeconds === undefined
      ? []
      : [
          `    [neighbors.afi-safis.long-lived-graceful-restart.config]`,
          "      enabled = true",
          `      restart-time = ${restart.longLivedSeconds}`,
        ]),
    ...(session.addPath === undefined
      ? []
      : [
          `    [neighbors.afi-safis.add-paths.config]`,
          `      receive = ${session.addPath !== "send"}`,
          `      send-max = ${session.addPath === "receive" ? 0 : 16}`,
        ]),
    ...(session.maxPrefixes === undefined
      ? []
      : [
          `    [neighbors.afi-safis.prefix-limit.config]`,
          `      max-prefixes = ${session.maxPrefixes}`,
          "      shutdown-threshold-pct = 75",
        ]),
  ];
}

/** `gobgp global rib add|del ...`, as words. */
export function ribCommand(action: "add" | "del", route: StaticPlan, plan: SpeakerPlan): string[] {
  const family = familyOf(route.prefix);
  const nextHop = route.via ?? plan.sessions.find((session) => familyOf(session.local) === family)?.local;
  const communities = route.communities ?? [];
  return [
    ...["global", "rib", action, "-a", family, route.prefix],
    ...(action === "del" || nextHop === undefined ? [] : ["nexthop", nextHop]),
    ...(action === "del" || route.prepend === undefined ? [] : ["aspath", route.prepend.join(",")]),
    ...(action === "del" || communities.length === 0 ? [] : ["community", communities.join(",")]),
  ];
}
