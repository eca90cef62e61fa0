/** One generation of configuration files: what the compiler gives, what the daemon is configured with. */
import type { Finding } from "./finding.ts";

export interface GeneratedFile {
  /** Below the generation's directory: `router.yaml`, `peers/Mesh_10_0_0_2.yaml`. */
  readonly path: string;
  /** Byte-identical for equal input. */
  readonly text: string;
  /** Holds a password: mode 0600. */
  readonly secret: boolean;
}

/** Files in order of their paths. A file that did not change between two generations is the same object. */
export interface Generation {
  readonly files: readonly GeneratedFile[];
}

export interface Compilation {
  /**
   * Absent: there is nothing to configure the node with (its own Node is missing, or takes no part in BGP): the last
   * generation stays.
   */
  readonly generation?: Generation;
  readonly findings: readonly Finding[];
  /** Secrets that the resources refer to, as `namespace/name`: they are to be watched. */
  readonly secrets: readonly string[];
  /** Service addresses are configured: Services and EndpointSlices are to be watched. */
  readonly services: boolean;
}
