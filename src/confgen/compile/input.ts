import type { ResourceView } from "../resources/view.ts";

/** Minor number of Calico's release 3.N whose behaviour is compiled. */
export type CalicoVersion = 28 | 29 | 30 | 31 | 32 | 33;

/** Environment variables of calico-node that influence the configuration. */
export interface Environment {
  /** `hash`, or an identifier. */
  readonly CALICO_ROUTER_ID?: string;
  readonly CALICO_K8S_NODE_REF?: string;
  readonly CALICO_ADVERTISE_CLUSTER_IPS?: string;
  readonly USE_POD_CIDR?: string;
  /** Of the Secrets; default `kube-system`. */
  readonly NAMESPACE?: string;
}

export interface CompileInput {
  /** Our node's name. */
  readonly node: string;
  readonly environment: Environment;
  readonly version: CalicoVersion;
  /** A session whose password cannot be found: held down, or run without one as upstream does. */
  readonly missingPassword: "hold" | "open";
  readonly resources: ResourceView;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
}
