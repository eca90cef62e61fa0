/** HoldTimer until the negotiated value is known (RFC 4271 §8.2.2 suggests four minutes). */
export const LARGE_HOLD_MS = 240_000;

/** KEEPALIVEs are never sent more often than this (RFC 4271 §4.4). */
export const LEAST_KEEPALIVE_MS = 1000;

/** Least hold time other than 0 (RFC 4271 §4.2). */
export const LEAST_HOLD_SECONDS = 3;

/** RFC 4271 §10: scale by 0.75..1.0 so that peers do not fire in step. */
export function jitter(ms: number, random: () => number): number {
  return Math.round(ms * (0.75 + 0.25 * random()));
}

/** Scale by 0.75..1.25: two peers that damp each other must not come back in step. */
export function spread(ms: number, random: () => number): number {
  return Math.round(ms * (0.75 + 0.5 * random()));
}
