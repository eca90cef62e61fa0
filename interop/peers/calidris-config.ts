/** This project's configuration from a plan. JSON is YAML, so it is written as such. */
import { familiesOf, type SessionPlan, type SpeakerPlan, type StaticPlan } from "./speaker.ts";

export function calidrisConfig(plan: SpeakerPlan): string {
  const isKernelUsed = plan.kernel !== false;
  const config = {
    router: {
      id: plan.routerId,
      asn: plan.asn,
      ...(plan.clusterId === undefined ? {} : { clusterId: plan.clusterId }),
    },
    kernel: { program: isKernelUsed, learn: isKernelUsed, multipath: plan.multipath ?? 1 },
    static: (plan.statics ?? []).map(staticRoute),
    policies: {
      own: [{ match: { source: ["static"] }, action: "accept" }, { action: "reject" }],
      "all-but-default": [
        { match: { prefixes: ["0.0.0.0/0", "::/0"] }, action: "reject" },
        { match: { source: ["static", "bgp"] }, action: "accept" },
        { action: "reject" },
      ],
      announce: announcePolicy(plan.statics ?? []),
    },
    peers: plan.sessions.map((session) => peer(plan, session)),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function staticRoute(route: StaticPlan): object {
  return route.via === undefined
    ? { prefix: route.prefix, blackhole: true }
    : { prefix: route.prefix, via: [route.via] };
}

/** Own static routes, with their prepends, and what other sessions gave; not the kernel's. */
function announcePolicy(statics: readonly StaticPlan[]): object[] {
  const prepends = statics
    .filter((route) => route.prepend !== undefined || route.communities !== undefined)
    .map((route) => ({
      match: { prefixes: [route.prefix], source: ["static"] },
      set: {
        ...(route.prepend === undefined ? {} : { prepend: route.prepend }),
        ...(route.communities === undefined ? {} : { addCommunities: route.communities }),
      },
      action: "accept",
    }));
  return [...prepends, { match: { source: ["static", "bgp"] }, action: "accept" }, { action: "reject" }];
}

function peer(plan: SpeakerPlan, session: SessionPlan): object {
  const hold = plan.holdSeconds ?? 9;
  return {
    name: session.name,
    ...(session.remote.includes("/")
      ? { prefix: session.remote, limit: 10 }
      : { address: session.remote, localAddress: session.local }),
    asn: session.asn,
    families: familiesOf(session),
    import: "accept",
    export: plan.isPlain === true ? "accept" : "announce",
    timers: { hold: `${hold}s`, connectRetry: "2s", connectDelay: "0s", idleHoldMin: "1s", idleHoldMax: "2s" },
    ...(session.password === undefined ? {} : { password: session.password }),
    ...(session.passive === true ? { passive: true } : {}),
    ...(session.reflectorClient === true ? { routeReflectorClient: true } : {}),
    ...(session.nextHopSelf === true ? { nextHop: "self" } : {}),
    ...(session.multihop === true ? { multihop: true } : {}),
    ...exportKeys(session.exports),
    ...restartKeys(session),
    ...(session.addPath === undefined ? {} : { addPath: addPathOf(session.addPath) }),
    ...(session.ttlSecurity === undefined ? {} : { ttlSecurity: session.ttlSecurity }),
    ...(session.localAs === undefined ? {} : { localAs: { asn: session.localAs, noPrepend: true, replaceAs: true } }),
    ...(session.allowOwnAs === undefined ? {} : { allowOwnAs: session.allowOwnAs }),
    ...(session.maxPrefixes === undefined
      ? {}
      : { maxPrefixesIn: { limit: session.maxPrefixes, action: "restart", restartAfter: "1s" } }),
    ...(session.fourOctetAs === false ? { capabilities: { fourOctetAs: false } } : {}),
  };
}

function exportKeys(exports: SessionPlan["exports"]): object {
  if (exports === undefined) return {};
  if (exports === "own") return { export: "own" };
  if (exports === "allButDefault") return { export: "all-but-default" };
  return { export: "default-only", defaultOnly: exports === "default" ? "always" : "ifReachable" };
}

function restartKeys(session: SessionPlan): object {
  const restart = session.gracefulRestart;
  if (restart === undefined) return {};
  const { mode, restartSeconds = 60, notification = false, longLivedSeconds } = restart;
  const longLived =
    longLivedSeconds === undefined ? {} : { longLived: "on", longLivedStaleTime: `${longLivedSeconds}s` };
  return { gracefulRestart: { mode, restartTime: `${restartSeconds}s`, notification, ...longLived } };
}

function addPathOf(ways: NonNullable<SessionPlan["addPath"]>): object {
  return { receive: ways !== "send", send: ways === "receive" ? "none" : "all" };
}
