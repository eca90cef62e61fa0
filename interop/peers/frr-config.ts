import { FAMILIES } from "../../src/ip/address.ts";
/** bgpd's configuration from a plan. */
import {
  type FamilyName,
  familiesOf,
  familyOf,
  type SessionPlan,
  type SpeakerPlan,
  type StaticPlan,
  staticsChanged,
} from "./speaker.ts";

export function frrConfig(plan: SpeakerPlan): string {
  const hold = plan.holdSeconds ?? 9;
  const router = [
    `bgp router-id ${plan.routerId}`,
    "no bgp ebgp-requires-policy",
    "bgp log-neighbor-changes",
    ...restartLines(plan),
    ...(plan.isDraining === true ? ["bgp graceful-shutdown"] : []),
    "no bgp default ipv4-unicast",
    "no bgp network import-check",
    ...((plan.multipath ?? 1) > 1 ? ["bgp bestpath as-path multipath-relax"] : []),
    `timers bgp ${Math.max(1, Math.floor(hold / 3))} ${hold}`,
    ...(plan.clusterId === undefined ? [] : [`bgp cluster-id ${plan.clusterId}`]),
    ...plan.sessions.flatMap((session) => [
      `neighbor ${session.remote} remote-as ${session.asn}`,
      `neighbor ${session.remote} update-source ${session.local}`,
      `neighbor ${session.remote} timers connect 1`,
      `neighbor ${session.remote} advertisement-interval 0`,
      ...(session.password === undefined ? [] : [`neighbor ${session.remote} password ${session.password}`]),
      ...(session.passive === true ? [`neighbor ${session.remote} passive`] : []),
      ...(session.ttlSecurity === undefined
        ? []
        : [`neighbor ${session.remote} ttl-security hops ${session.ttlSecurity}`]),
      ...(session.localAs === undefined
        ? []
        : [`neighbor ${session.remote} local-as ${session.localAs} no-prepend replace-as`]),
      ...(session.gracefulRestart === undefined
        ? []
        : [`neighbor ${session.remote} graceful-restart${session.gracefulRestart.mode === "on" ? "" : "-helper"}`]),
      ...(session.multihop === true && session.asn !== plan.asn ? [`neighbor ${session.remote} ebgp-multihop`] : []),
    ]),
    ...FAMILIES.flatMap((family) => [
      `address-family ${family} unicast`,
      ...familyLines(plan, family).map((line) => ` ${line}`),
      "exit-address-family",
    ]),
  ];
  const maps = (plan.statics ?? []).flatMap(routeMap);
  return [
    "frr defaults traditional",
    "log stdout",
    "log timestamp precision 3",
    ...maps,
    ...LISTS,
    `router bgp ${plan.asn}`,
    ...router.map((line) => ` ${line}`),
    "exit",
    "",
  ].join("\n");
}

/** On by default; a cut session would otherwise keep its routes for two minutes. */
function restartLines(plan: SpeakerPlan): string[] {
  const restarts = plan.sessions.flatMap((session) => session.gracefulRestart ?? []);
  const [first] = restarts;
  if (first === undefined) return ["bgp graceful-restart-disable"];
  const longLived = restarts.find((one) => one.longLivedSeconds !== undefined)?.longLivedSeconds;
  return [
    `bgp graceful-restart restart-time ${first.restartSeconds ?? 60}`,
    "bgp graceful-restart preserve-fw-state",
    ...(restarts.some((one) => one.notification === true)
      ? ["bgp graceful-restart notification", "no bgp hard-administrative-reset"]
      : []),
    ...(longLived === undefined ? [] : [`bgp long-lived-graceful-restart stale-time ${longLived}`]),
  ];
}

function familyLines(plan: SpeakerPlan, family: FamilyName): string[] {
  const many = plan.multipath ?? 1;
  return [
    `maximum-paths ${many}`,
    `maximum-paths ibgp ${many}`,
    ...plan.sessions
      .filter((session) => familiesOf(session).includes(family))
      .flatMap((session) => [
        `neighbor ${session.remote} activate`,
        ...(session.reflectorClient === true ? [`neighbor ${session.remote} route-reflector-client`] : []),
        ...(session.nextHopSelf === true ? [`neighbor ${session.remote} next-hop-self`] : []),
        ...exportLines(session),
        ...(session.addPath === "send" || session.addPath === "both"
          ? [`neighbor ${session.remote} addpath-tx-all-paths`]
          : []),
        ...(session.addPath === "send" ? [`neighbor ${session.remote} disable-addpath-rx`] : []),
        ...(session.allowOwnAs === undefined ? [] : [`neighbor ${session.remote} allowas-in ${session.allowOwnAs}`]),
        // Restart is counted in minutes there.
        ...(session.maxPrefixes === undefined
          ? []
          : [`neighbor ${session.remote} maximum-prefix ${session.maxPrefixes} restart 1`]),
      ]),
    ...(plan.statics ?? []).filter((route) => familyOf(route.prefix) === family).map((route) => network(route)),
  ];
}

/** For every plan: what `exportLines` names. */
const LISTS = [
  "bgp as-path access-list own permit ^$",
  ...["ip prefix-list only-default permit 0.0.0.0/0", "ipv6 prefix-list only-default permit ::/0"],
  ...["ip prefix-list but-default deny 0.0.0.0/0", "ipv6 prefix-list but-default deny ::/0"],
  ...["ip prefix-list but-default permit 0.0.0.0/0 le 32", "ipv6 prefix-list but-default permit ::/0 le 128"],
];

function exportLines({ exports, remote }: SessionPlan): string[] {
  if (exports === undefined) return [];
  if (exports === "own") return [`neighbor ${remote} filter-list own out`];
  if (exports === "allButDefault") return [`neighbor ${remote} prefix-list but-default out`];
  const made = exports === "default" ? [`neighbor ${remote} default-originate`] : [];
  return [`neighbor ${remote} prefix-list only-default out`, ...made];
}

function network(route: StaticPlan): string {
  const map = routeMap(route).length > 0 ? ` route-map ${mapName(route)}` : "";
  return `network ${route.prefix}${map}`;
}

function mapName(route: StaticPlan): string {
  return `m-${route.prefix.replace(/[^0-9a-f]/g, "-")}`;
}

/** What `network` cannot say itself: the path and a next hop other than our own. */
function routeMap(route: StaticPlan): string[] {
  const family = familyOf(route.prefix);
  const rules = [
    ...(route.prepend === undefined ? [] : [`set as-path prepend ${route.prepend.join(" ")}`]),
    ...(route.communities === undefined ? [] : [`set community ${route.communities.join(" ")}`]),
    ...(route.via === undefined
      ? []
      : [family === "ipv4" ? `set ip next-hop ${route.via}` : `set ipv6 next-hop global ${route.via}`]),
  ];
  return rules.length === 0
    ? []
    : [`route-map ${mapName(route)} permit 10`, ...rules.map((rule) => ` ${rule}`), "exit"];
}

/** The commands from one plan's static routes to another's. */
export function staticCommands(from: SpeakerPlan, to: SpeakerPlan): string[] {
  const { gone, added } = staticsChanged(from, to);
  const inFamily = (route: StaticPlan, command: string) => [
    `router bgp ${to.asn}`,
    `address-family ${familyOf(route.prefix)} unicast`,
    command,
    "exit",
    "exit",
  ];
  return [
    ...gone.flatMap((route) => inFamily(route, `no network ${route.prefix}`)),
    ...added.flatMap((route) => [...routeMap(route), ...inFamily(route, network(route))]),
  ];
}
