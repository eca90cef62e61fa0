/** Where we would do otherwise than a BIRD that runs. */
import type { KernelMove, Moves, PeerMoves } from "./preview-answer.ts";

export interface ShadowAnswer {
  /** Nothing would differ, in what was looked at. */
  readonly same: boolean;
  readonly peers: readonly ShadowPeer[];
  /** What peers are announced: `before` is BIRD's, `after` ours. */
  readonly exports: readonly PeerMoves[];
  /** Routes of protocol `bird`: `before` is what is there, `after` what we would write. */
  readonly kernel: Moves<KernelMove>;
  /** What could not be looked at, and why. */
  readonly unseen: readonly string[];
  /** How much was compared. */
  readonly compared: { readonly peers: number; readonly announcements: number; readonly kernelRoutes: number };
}

export interface ShadowPeer {
  readonly name: string;
  /** `missing`: BIRD has it and we would not. `extra`: we would have it and BIRD has not. */
  readonly difference: "missing" | "extra" | "differs";
  /** What differs, as `AS 65000 -> 65001`. */
  readonly text: string;
}
