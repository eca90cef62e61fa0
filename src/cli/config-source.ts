/** Where the daemon's configurations come from: files that are watched, or the generator. */
import type { Config } from "../config/model.ts";

export interface ConfigSink {
  changed(config: Config): void;
  /** A configuration cannot be used, for this reason; what runs goes on. */
  rejected(reason: string): void;
}

export interface ConfigSource {
  /**
   * What the daemon begins with; undefined: it is not there yet, and the first that `follow` tells of is. Throws where the
   * daemon cannot start like that.
   */
  begin(): Promise<Config | undefined>;
  /** Tells what follows upon that. */
  follow(sink: ConfigSink): Promise<void>;
  /** Why nothing has come yet, for who asks meanwhile. */
  waitingFor(): string;
  /** For the summary of the state, beside the router's. */
  state?(): Readonly<Record<string, unknown>>;
  /** SIGHUP. */
  reread(): void;
  close(): Promise<void>;
}
