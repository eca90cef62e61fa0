/**
 * What the daemon answers on its control socket: JSON with stable names (ux.md 1.4). Times are RFC 3339 with a
 * number of seconds beside them; absent values are null, so that every key is always there.
 */
import type { FibCounters } from "../fib/fib.ts";
import type { Family } from "../ip/address.ts";
import type { TraceStep } from "../policy/types.ts";
import type { RejectCode, Step } from "../rib/types.ts";

/**
 * A request on the control socket, one JSON object per line. `target` is a prefix, or an address, which means longest
 * match. `peer` is a configured name, an address or a description.
 */
export type ControlRequest =
  | { readonly command: "status" }
  | { readonly command: "peers"; readonly peer?: string | undefined }
  /** Names for completion. */
  | { readonly command: "names" }
  /** For `preview`: see running-state.ts. */
  | { readonly command: "running" }
  | ({ readonly command: "routes" } & TableRequest)
  | ({ readonly command: "routesIn" | "routesOut"; readonly peer: string } & TableRequest)
  | OrderRequest
  | { readonly command: "explainRoute"; readonly target: string; readonly peer?: string | undefined };

/** Orders: the router carries them out, and they are recorded. */
export type OrderRequest =
  | { readonly command: "disable" | "restart"; readonly peer: string; readonly text?: string | undefined }
  | { readonly command: "enable"; readonly peer: string }
  | { readonly command: "refresh"; readonly peer: string; readonly direction?: "in" | "out" | "both" }
  | { readonly command: "drain" | "undrain" }
  | { readonly command: "shutdown"; readonly text?: string | undefined; readonly drainSeconds?: number };

export interface OrderAnswer {
  readonly action: OrderRequest["command"];
  /** Its configured name; null where the order is to the daemon. */
  readonly peer: string | null;
  /** What happens now, in a sentence. */
  readonly message: string;
}

export interface TableRequest {
  readonly family?: Family | undefined;
  readonly target?: string | undefined;
  readonly limit?: number | undefined;
}

export interface StatusAnswer {
  readonly version: string;
  readonly routerId: string;
  readonly asn: number;
  readonly clusterId: string | null;
  readonly since: string;
  readonly uptimeSeconds: number;
  readonly configuration: { readonly generation: number; readonly appliedAt: string; readonly rejected: string | null };
  /** Where connections are accepted; `failure` says why they are not. */
  readonly listeners: readonly {
    readonly address: string;
    readonly port: number;
    readonly interface: string | null;
    readonly failure: string | null;
  }[];
  /** Ranges of dynamic neighbours: peers now, and connections refused so far. */
  readonly dynamicPeers: readonly {
    readonly name: string;
    readonly prefix: string;
    readonly limit: number;
    readonly peers: number;
    readonly refused: number;
  }[];
  readonly peers: { readonly total: number; readonly established: number };
  readonly rib: readonly { readonly family: Family; readonly prefixes: number; readonly paths: number }[];
  readonly attributeSets: number;
  /** We took over from a process that ended a moment ago, and wait for the peers' End-of-RIB; null when we do not. */
  readonly recovery: {
    /** Nothing is announced yet; else only the kernel's routes wait. */
    readonly deferred: boolean;
    readonly until: string;
    readonly leftSeconds: number;
    readonly waitingFor: readonly string[];
  } | null;
  /** Routes are announced with GRACEFUL_SHUTDOWN (RFC 8326); `endsInSeconds` where a shutdown follows. */
  readonly drain: { readonly since: string; readonly endsInSeconds: number | null } | null;
  readonly kernel: FibCounters & { readonly programming: boolean };
  readonly updateGroups: readonly {
    readonly family: Family;
    readonly members: readonly string[];
    readonly routes: number;
    readonly messagesEncoded: number;
    readonly messagesSent: number;
  }[];
}

export interface PeerAnswer {
  readonly name: string;
  readonly description: string | null;
  readonly address: string;
  readonly port: number;
  readonly localAddress: string | null;
  readonly asn: number;
  readonly localAsn: number;
  readonly kind: "external" | "internal" | "client";
  readonly state: "idle" | "connect" | "active" | "openSent" | "openConfirm" | "established";
  /** By the configuration, or by an operator. */
  readonly disabled: boolean;
  /** It is kept down until an operator enables it: by an order, or because a limit of prefixes was exceeded. */
  readonly held: {
    readonly by: "command" | "limit";
    readonly text: string | null;
    readonly since: string;
    readonly sinceSeconds: number;
  } | null;
  readonly passive: boolean;
  readonly since: string;
  readonly sinceSeconds: number;
  /** Times Established since start, and times lost. */
  readonly established: number;
  readonly lost: number;
  readonly lastDown: {
    readonly direction: "sent" | "received" | "local";
    readonly code: string;
    readonly text: string;
    readonly at: string;
    readonly agoSeconds: number;
  } | null;
  /** Why it is not Established now; null when it is. */
  readonly reason: string | null;
  /** What may help; null when there is nothing to add to the reason. */
  readonly advice: string | null;
  readonly nextRetrySeconds: number | null;
  readonly authentication: "none" | "md5";
  /** Of TCP-MD5; null without. */
  readonly key: {
    readonly since: string;
    readonly sinceSeconds: number;
    /** It replaced another one on this session, which stayed. */
    readonly changedWhileEstablished: boolean;
  } | null;
  /** Segments that the kernel refuses at present, as far as one can tell; null: none are known. */
  readonly refused: {
    readonly since: string;
    readonly sinceSeconds: number;
    /** On the peer's own connection. */
    readonly segments: number;
    /** What we send is not acknowledged. With neither, only counters rose that the whole network namespace shares. */
    readonly unacknowledged: boolean;
    readonly because: "signature" | "ttl";
  } | null;
  /** GTSM: at most so many hops away, and the least TTL accepted. */
  readonly ttlSecurity: { readonly hops: number; readonly leastTtl: number } | null;
  /** Sent; null is the system's. */
  readonly ttl: number | null;
  /** Device that the session is bound to. */
  readonly interface: string | null;
  /** Made by a connection from this range; null: configured. */
  readonly dynamic: { readonly range: string; readonly prefix: string } | null;
  readonly negotiated: {
    readonly holdSeconds: number;
    readonly keepaliveSeconds: number;
    readonly remoteId: string;
    readonly fourOctetAs: boolean;
    readonly routeRefresh: boolean;
    readonly enhancedRouteRefresh: boolean;
    readonly extendedMessage: boolean;
    readonly gracefulRestart: RestartAnswer | null;
    readonly hostname: string | null;
    readonly software: string | null;
  } | null;
  readonly families: readonly {
    readonly family: Family;
    readonly active: boolean;
    readonly received: number;
    readonly accepted: number;
    readonly announced: number;
    /** Path identifiers (RFC 7911): the peer sends them; how many paths of a prefix it is sent. */
    readonly addPathReceive: boolean;
    readonly addPathSend: "none" | "all" | number;
    /** Null where there is none (maxPrefixesIn, maxPrefixesOut). */
    readonly limitIn: LimitAnswer | null;
    readonly limitOut: LimitAnswer | null;
    readonly endOfRibReceived: boolean;
    readonly endOfRibSent: boolean;
    /** Route refreshes that have begun and not ended (RFC 7313). */
    readonly refresh: { readonly receiving: boolean; readonly sending: boolean };
  }[];
  /** Routes of a lost session that are still in use; null when there are none. */
  readonly stale: (StaleAnswer & { readonly families: readonly Family[]; readonly leftSeconds: number }) | null;
  /** Routes that have outlived the restart time (RFC 9494). */
  readonly longLived: readonly (StaleAnswer & { readonly family: Family; readonly leftSeconds: number })[];
  readonly messages: {
    readonly received: MessageCounts;
    readonly sent: MessageCounts;
  };
  /** Malformed UPDATEs (RFC 7606). */
  readonly errors: {
    readonly attributesDiscarded: number;
    readonly treatedAsWithdraw: number;
    /** Those that ended a session. */
    readonly refused: number;
    /** The last one that was looked at closely: once a second at most. */
    readonly last: {
      readonly treatment: "discard" | "withdraw" | "reset";
      readonly code: number;
      readonly subcode: number;
      readonly attribute: string | null;
      readonly type: number | null;
      readonly why: string;
      /** What `hex` is the beginning of, and how long that was. */
      readonly of: "attribute" | "message";
      readonly hex: string;
      readonly octets: number;
      readonly at: string;
      readonly agoSeconds: number;
    } | null;
  };
  readonly importPolicy: string;
  readonly exportPolicy: string;
}

/** Graceful restart as both ends have it (RFC 4724, RFC 8538). */
export interface RestartAnswer {
  /** The peer keeps our routes of these families while we restart. */
  readonly keepsOurs: readonly Family[];
  /** We keep the peer's of these, for so long. */
  readonly weKeep: readonly Family[];
  readonly restartSeconds: number;
  /** A NOTIFICATION is a restart too, a hard reset aside. */
  readonly notification: boolean;
  /** Both sides know LLGR_STALE (RFC 9494); the families that the peer wants kept beyond its restart time. */
  readonly longLived: boolean;
  readonly longLivedFamilies: readonly { readonly family: Family; readonly seconds: number }[];
  /** The peer said that it had restarted, and for which families it had forwarded packets meanwhile. */
  readonly peerRestarted: boolean;
  readonly peerForwarded: readonly Family[];
}

export interface StaleAnswer {
  readonly since: string;
  readonly keptUntil: string;
  /** It has outlived the peer's restart time, and is used where nothing else is there (RFC 9494). */
  readonly longLived: boolean;
}

export interface LimitAnswer {
  readonly limit: number;
  /** Prefixes from which on a warning is logged. */
  readonly warnAt: number;
  readonly action: "warn" | "block" | "restart" | "disable";
  /** `over`: beyond the limit, or at it with prefixes left out. */
  readonly level: "calm" | "near" | "over";
  /** Announcements of prefixes that had no room in this session. */
  readonly leftOut: number;
}

export interface MessageCounts {
  readonly open: number;
  readonly update: number;
  readonly notification: number;
  readonly keepalive: number;
  readonly routeRefresh: number;
}

/** One path of a prefix. */
export interface PathAnswer {
  readonly best: boolean;
  /** Used for forwarding beside the best one. */
  readonly multipath: boolean;
  readonly source: "direct" | "static" | "bgp" | "kernel";
  /** Name of the peer, null for local sources. */
  readonly peer: string | null;
  readonly peerAddress: string | null;
  /** Path identifier (RFC 7911) as received, or as sent in what a peer gets; 0 also without one. */
  readonly pathId: number;
  readonly nextHop: string | null;
  /** Where packets go: gateway and interface after resolution. */
  readonly via: readonly { readonly gateway: string | null; readonly interface: string | null }[];
  readonly reachable: boolean;
  readonly preference: number;
  readonly localPref: number | null;
  readonly asPath: string;
  readonly origin: "igp" | "egp" | "incomplete";
  readonly med: number | null;
  /** Kernel metric; null where the route has none. */
  readonly metric: number | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly extendedCommunities: readonly string[];
  readonly originatorId: string | null;
  readonly clusterList: readonly string[];
  readonly atomicAggregate: boolean;
  readonly aggregator: string | null;
  /** Of a session that is lost, and kept while the peer restarts; null otherwise. */
  readonly stale: StaleAnswer | null;
  /** Why it is kept but not used; null when it takes part in selection. */
  readonly rejected: { readonly code: RejectCode; readonly reason: string } | null;
}

export interface KernelAnswer {
  readonly state: "installed" | "pending" | "shadowed" | "failed" | "notWanted";
  /** For all but installed: the first thing that stopped it, in words. */
  readonly reason: string | null;
  readonly metric: number | null;
}

export interface RouteAnswer {
  readonly prefix: string;
  readonly family: Family;
  readonly paths: readonly PathAnswer[];
  readonly kernel: KernelAnswer;
}

/** A route in Adj-RIB-In (`routesIn`) or Adj-RIB-Out (`routesOut`) of one peer. */
export interface PeerRouteAnswer {
  readonly prefix: string;
  readonly family: Family;
  readonly path: PathAnswer;
}

/** One rule that a policy looked at. */
export interface TraceAnswer {
  readonly policy: string;
  /** From 1. */
  readonly rule: number;
  /** How many calls led here. */
  readonly depth: number;
  readonly matched: boolean;
  /** For a rule that does not match: the first condition that does not hold, with value and what is wanted. */
  readonly because: string;
  /** For a rule that matches: what it changes, one change each. */
  readonly changes: readonly string[];
  readonly action: "accept" | "reject" | "continue" | "call" | null;
  /** With `call`: the policy. */
  readonly calls: string | null;
}

export function traceAnswer(step: TraceStep): TraceAnswer {
  const { policy, rule, depth, matched, because, changes, action, calls } = step;
  return { policy, rule, depth, matched, because, changes, action: action ?? null, calls: calls ?? null };
}

export interface ExplainAnswer {
  readonly prefix: string;
  readonly family: Family;
  readonly best: PathAnswer | null;
  /** Trace of the import policy for the best path; empty for one of a local source. */
  readonly importTrace: readonly TraceAnswer[];
  readonly losers: readonly {
    readonly path: PathAnswer;
    readonly step: Step | "unreachable" | "rejected";
    readonly bestValue: string;
    readonly value: string;
    /** Import trace where policy rejected it. */
    readonly trace: readonly TraceAnswer[];
  }[];
  readonly kernel: KernelAnswer;
  /** Trace of the kernel's export policy for the best path. */
  readonly kernelTrace: readonly TraceAnswer[];
  /** Only when a peer was named. */
  readonly to: ToPeerAnswer | null;
}

/** What a peer is sent of a prefix, or of one path. */
export interface ExportAnswer {
  readonly announced: boolean;
  /** What the peer gets. */
  readonly path: PathAnswer | null;
  /** What it is announced for, where it is no route of our table. */
  readonly originated: string | null;
  /** The first thing that stopped it; null when announced. */
  readonly stoppedBy: { readonly step: string; readonly reason: string } | null;
  readonly trace: readonly TraceAnswer[];
}

export interface ToPeerAnswer extends ExportAnswer {
  readonly peer: string;
  /**
   * Where the peer is sent several paths of a prefix (RFC 7911): each usable path as it stands in our table, the best one
   * first, and what becomes of it. Null where the best path is sent alone.
   */
  readonly paths: readonly (ExportAnswer & { readonly of: PathAnswer })[] | null;
}
