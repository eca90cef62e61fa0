/** What a configuration would do to a running daemon. */

export interface PreviewAnswer {
  /** The configuration says what the running one says. */
  readonly empty: boolean;
  /** What differs outside of the peers: `router.listen`, `policy to-tor`, `static 10.0.0.0/8`. */
  readonly changes: readonly string[];
  readonly sessions: readonly SessionPreview[];
  /** What happens at once. */
  readonly now: RoutesPreview;
  /** What has changed when the sessions that reset are back with the routes that they had; null where none resets. */
  readonly later: RoutesPreview | null;
  /** The daemon has restarted a moment ago and holds routes back; told is what changes when it has recovered. */
  readonly recovering: boolean;
  /** Paths that are not counted: of sessions that came or went while the daemon was asked. */
  readonly skipped: number;
}

export interface SessionPreview {
  readonly peer: string;
  readonly effect: "starts" | "stops" | "resets" | "goesOn";
  /** Keys that differ. */
  readonly keys: readonly string[];
  /** Those that force the reset. */
  readonly because: readonly string[];
  /** There is a session now. */
  readonly established: boolean;
  /** A session that resets comes up again with what its peer offers; null where there is nothing to say. */
  readonly returns: boolean | null;
  /** Why it does not. */
  readonly reason: string | null;
}

/** Counts of all, and as many rows as were asked for. */
export interface Moves<T> {
  readonly count: number;
  readonly rows: readonly T[];
}

export interface RoutesPreview {
  /** Prefixes whose best path changes. */
  readonly best: Moves<RouteMove>;
  readonly peers: readonly PeerMoves[];
  readonly kernel: Moves<KernelMove>;
}

export interface RouteMove {
  readonly prefix: string;
  readonly before: RouteBrief | null;
  readonly after: RouteBrief | null;
}

export interface PeerMoves {
  readonly peer: string;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly rows: readonly AnnouncedMove[];
}

export interface AnnouncedMove {
  /** More than once where several paths are announced; which has which identifier does not count. */
  readonly prefix: string;
  readonly before: AnnouncedBrief | null;
  readonly after: AnnouncedBrief | null;
}

export interface KernelMove {
  readonly prefix: string;
  /** As `ip route` would say it. */
  readonly before: string | null;
  readonly after: string | null;
}

/** A path, in the words of `show routes`. */
export interface AnnouncedBrief {
  readonly nextHop: string | null;
  readonly asPath: string;
  readonly origin: string;
  readonly localPref: number | null;
  readonly med: number | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly extendedCommunities: readonly string[];
  readonly originatorId: string | null;
  readonly clusterList: readonly string[];
}

export interface RouteBrief extends AnnouncedBrief {
  readonly source: string;
  readonly peer: string | null;
  readonly preference: number;
  readonly metric: number | null;
}
