/** What the generator needs from outside, and what it tells. */
import type { Config, ConfigProblem } from "../config/model.ts";
import type { CompileInput } from "./compile/input.ts";
import type { Datastore, DatastoreOptions, DatastoreStatus } from "./datastore/datastore.ts";
import type { Finding } from "./finding.ts";
import type { Compilation, Generation } from "./generation.ts";

export interface GeneratorClock {
  /** Monotonic milliseconds; the origin is arbitrary. */
  nowMs(): number;
  /** Runs once after the delay; returns its own cancel. */
  after(delayMs: number, run: () => void): () => void;
}

export type GeneratorLog = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** A datastore that is followed. Several serve kinds of their own: none is to be in two of them. */
export interface Source {
  /** For messages: `etcdv3`, `endpoint status files`. */
  readonly name: string;
  readonly open: (options: DatastoreOptions) => Datastore;
}

export interface GeneratorOptions {
  /** All that is compiled but the resources. */
  readonly settings: Omit<CompileInput, "resources">;
  /** Remembers by itself what need not be compiled again. */
  readonly compile: (input: CompileInput) => Compilation;
  readonly sources: readonly Source[];
  readonly clock: GeneratorClock;
  readonly log: GeneratorLog;
  /** Where the files will stand, for the places in messages. */
  readonly folder: string;
  /**
   * Takes a generation that differs from the last one. The next is compiled when the promise has settled; where it is
   * rejected, the newest is given again after a while.
   */
  readonly onGeneration: (output: GeneratorOutput) => Promise<void> | void;
  /** After each time that all was compiled. */
  readonly onRound?: (round: Round) => void;
}

export interface GeneratorOutput {
  readonly generation: Generation;
  /** The files as the daemon reads them. */
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
}

export interface Round {
  /**
   * `waiting`: for Secrets or Services that are read for the first time. `nothing`: there is nothing to configure the node
   * with. `refused`: what was compiled is no valid configuration, a fault of ours. `undelivered`: it could not be taken.
   */
  readonly outcome: "delivered" | "unchanged" | "waiting" | "nothing" | "refused" | "undelivered";
  readonly findings: readonly Finding[];
}

export interface GeneratorStatus {
  readonly sources: readonly SourceState[];
  /** In words, where no generation is made at present. */
  readonly held?: string;
  readonly findings: readonly Finding[];
  /** Generations given, and when the last one was (monotonic). */
  readonly generations: number;
  readonly lastMs?: number;
}

export interface SourceState {
  readonly name: string;
  /** All that every node needs has been read once. */
  readonly isSynced: boolean;
  /** Undefined until the datastore has said something. */
  readonly status: DatastoreStatus | undefined;
  /** Since when (monotonic). */
  readonly sinceMs: number;
}
