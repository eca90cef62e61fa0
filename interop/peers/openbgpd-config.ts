/** OpenBGPD's bgpd.conf from a plan. */
import {
  type FamilyName,
  familiesOf,
  familyOf,
  type SessionPlan,
  type SpeakerPlan,
  type StaticPlan,
} from "./speaker.ts";

export function openbgpdConfig(plan: SpeakerPlan): string {
  const locals = [...new Set(plan.sessions.map((session) => session.local))];
  const hold = plan.holdSeconds ?? 9;
  const lines = [
    `AS ${plan.asn}`,
    `router-id ${plan.routerId}`,
    ...locals.map((local) => `listen on ${local}`),
    "fib-update no",
    `holdtime ${hold}`,
    "holdtime min 3",
    "connect-retry 1",
    ...(plan.statics ?? []).map(network),
    ...plan.sessions.flatMap((session) => neighbor(plan, session)),
    "allow from any",
    "allow to any",
    ...(plan.isDraining === true ? ["match to any set community GRACEFUL_SHUTDOWN"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function network(route: StaticPlan): string {
  const settings = [
    ...(route.via === undefined ? [] : [`nexthop ${route.via}`]),
    ...(route.communities ?? []).map((community) => `community ${community}`),
  ];
  return `network ${route.prefix}${settings.length === 0 ? "" : ` set { ${settings.join(" ")} }`}`;
}

const FAMILIES: readonly (readonly [FamilyName, string])[] = [
  ["ipv4", "IPv4"],
  ["ipv6", "IPv6"],
];

function neighbor(plan: SpeakerPlan, session: SessionPlan): string[] {
  const families = familiesOf(session);
  const restart = session.gracefulRestart;
  const lines = [
    `descr "${session.name}"`,
    `remote-as ${session.asn}`,
    `local-address ${session.local}`,
    ...(session.localAs === undefined ? [] : [`local-as ${session.localAs}`]),
    ...(session.password === undefined ? [] : [`tcp md5sig password "${session.password}"`]),
    ...(session.passive === true ? ["passive"] : []),
    ...(session.multihop === true && session.asn !== plan.asn ? ["multihop 64"] : []),
    ...(session.ttlSecurity === undefined ? [] : ["ttl-security yes"]),
    ...(session.reflectorClient === true ? [`route-reflector ${plan.clusterId ?? plan.routerId}`] : []),
    ...(session.maxPrefixes === undefined ? [] : [`max-prefix ${session.maxPrefixes} restart 1`]),
    ...FAMILIES.map(([family, name]) => `announce ${name} ${families.includes(family) ? "unicast" : "none"}`),
    "announce enhanced refresh yes",
    ...(restart === undefined ? ["announce restart no"] : ["announce restart yes"]),
    ...(session.addPath === undefined || session.addPath === "send" ? [] : ["announce add-path recv yes"]),
    ...(session.addPath === undefined || session.addPath === "receive" ? [] : ["announce add-path send all"]),
    ...(session.nextHopSelf === true ? ["set nexthop self"] : []),
  ];
  return [`neighbor ${session.remote} {`, ...lines.map((line) => `  ${line}`), "}"];
}

/** Its route tables know no family; ours ask for one. */
export function isOfFamily(family: FamilyName): (route: { readonly prefix: string }) => boolean {
  return (route) => familyOf(route.prefix) === family;
}
