/** What control needs of the router; src/daemon implements it. Answers are computed when asked for. */
import type { Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { ExplainAnswer, PeerAnswer, PeerRouteAnswer, RouteAnswer, StatusAnswer } from "./answers.ts";
import type { RunningSlice, RunningState } from "./running-state.ts";

export interface RouterView {
  status(): StatusAnswer;
  peers(): readonly PeerAnswer[];
  /** Prefixes of the family in pages: `cursor` 0 starts; the next cursor is -1 at the end. */
  routes(
    family: Family,
    cursor: number,
    count: number,
  ): { readonly rows: readonly RouteAnswer[]; readonly next: number };
  /** The prefix itself, or undefined. */
  route(prefix: Prefix): RouteAnswer | undefined;
  /** Longest match for an address given as a host prefix: among prefixes with a best path, else among all. */
  lookup(host: Prefix): RouteAnswer | undefined;
  /** `peer` is a configured name. */
  routesIn(
    peer: string,
    family: Family,
    cursor: number,
    count: number,
  ): { readonly rows: readonly PeerRouteAnswer[]; readonly next: number };
  routesOut(
    peer: string,
    family: Family,
    cursor: number,
    count: number,
  ): { readonly rows: readonly PeerRouteAnswer[]; readonly next: number };
  /** The paths of one prefix: several where path identifiers are used, none where there is no route. */
  routeIn(peer: string, prefix: Prefix): readonly PeerRouteAnswer[];
  routeOut(peer: string, prefix: Prefix): readonly PeerRouteAnswer[];
  explain(prefix: Prefix, peer?: string): ExplainAnswer;
  /** For a copy of the router elsewhere: first what it is, then its tables in slices, from cursor 0 to -1. */
  running(): RunningState;
  runningKernelRoutes(family: Family, cursor: number): RunningSlice;
  runningPaths(family: Family, cursor: number): RunningSlice;
}
