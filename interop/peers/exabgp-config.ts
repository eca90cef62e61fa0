/** ExaBGP's configuration from a plan, and the commands for its routes. */
import { familiesOf, familyOf, type SessionPlan, type SpeakerPlan, type StaticPlan } from "./speaker.ts";

export function exabgpConfig(plan: SpeakerPlan, helper: string): string {
  return [
    `process lab { run /bin/sh ${helper}; encoder json; }`,
    ...plan.sessions.flatMap((session) => neighbor(plan, session)),
    "",
  ].join("\n");
}

function neighbor(plan: SpeakerPlan, session: SessionPlan): string[] {
  const restart = session.gracefulRestart;
  const addPath = session.addPath === "both" ? "send/receive" : session.addPath;
  return [
    `neighbor ${session.remote} {`,
    `  description "${session.name}";`,
    `  router-id ${plan.routerId};`,
    `  local-address ${session.local};`,
    `  local-as ${session.localAs ?? plan.asn};`,
    `  peer-as ${session.asn};`,
    `  hold-time ${plan.holdSeconds ?? 9};`,
    ...(session.password === undefined ? [] : [`  md5-password "${session.password}";`]),
    ...(session.ttlSecurity === undefined
      ? []
      : ["  outgoing-ttl 255;", `  incoming-ttl ${256 - session.ttlSecurity};`]),
    "  capability {",
    `    asn4 ${session.fourOctetAs === false ? "disable" : "enable"};`,
    "    route-refresh enable;",
    ...(addPath === undefined ? [] : [`    add-path ${addPath};`]),
    ...(restart === undefined ? [] : [`    graceful-restart ${restart.restartSeconds ?? 60};`]),
    "  }",
    `  family { ${familiesOf(session)
      .map((family) => `${family} unicast;`)
      .join(" ")} }`,
    "  api {",
    "    processes [ lab ];",
    "    neighbor-changes;",
    "    receive { parsed; update; open; notification; refresh; }",
    "  }",
    "}",
  ];
}

/** The commands that announce or withdraw a route towards every session of its family. Its own AS is put before the path. */
export function routeCommands(action: "announce" | "withdraw", route: StaticPlan, plan: SpeakerPlan): string[] {
  const family = familyOf(route.prefix);
  return plan.sessions
    .filter((session) => familiesOf(session).includes(family))
    .map((session) => {
      const own = session.asn === plan.asn ? [] : [session.localAs ?? plan.asn];
      const path = [...own, ...(route.prepend ?? [])];
      const communities = route.communities ?? [];
      return [
        `neighbor ${session.remote} ${action} route ${route.prefix} next-hop ${route.via ?? "self"}`,
        ...(route.pathId === undefined ? [] : [`path-information ${route.pathId}`]),
        `as-path [ ${path.join(" ")} ]`,
        ...(session.asn === plan.asn ? ["local-preference 100"] : []),
        ...(communities.length === 0 ? [] : [`community [ ${communities.join(" ")} ]`]),
        ...(route.raw ?? []).map((attribute) => `attribute [ ${attribute} ]`),
      ].join(" ");
    });
}
