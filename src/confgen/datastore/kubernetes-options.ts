/**
 * What the environment says of the Kubernetes API: the variables that Calico's components share, each also with CALICO_ before
 * it. Commands that never read a kubeconfig load nothing of YAML by this.
 */
import { calicoVariable, type Environment } from "../environment.ts";
import { present } from "./json.ts";
import { API_GROUPS, type ApiGroup } from "./kubernetes-api.ts";

/** What the environment says. */
export interface KubernetesSettings {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string;
  /** The context of the kubeconfig, in place of its current one. */
  readonly context?: string;
  readonly endpoint?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly token?: string;
  /** The server's certificate is not verified. */
  readonly insecure: boolean;
  /** Where the API server is for a pod. */
  readonly inCluster?: { readonly host: string; readonly port: string };
  /** Calico's resources are read from this group, whatever the server has. */
  readonly apiGroup?: ApiGroup;
}

/** Throws an Error with the variable's name where a value is none. */
export function kubernetesSettings(environment: Environment): KubernetesSettings {
  const value = (name: string) => calicoVariable(environment, name);
  const host = environment.KUBERNETES_SERVICE_HOST;
  const port = environment.KUBERNETES_SERVICE_PORT;
  return present({
    kubeconfig: value("KUBECONFIG"),
    context: value("K8S_CURRENT_CONTEXT"),
    endpoint: value("K8S_API_ENDPOINT"),
    certificateFile: value("K8S_CERT_FILE"),
    keyFile: value("K8S_KEY_FILE"),
    caFile: value("K8S_CA_FILE"),
    token: value("K8S_API_TOKEN"),
    insecure: flag("K8S_INSECURE_SKIP_TLS_VERIFY", value("K8S_INSECURE_SKIP_TLS_VERIFY")),
    inCluster: host && port ? { host, port } : undefined,
    apiGroup: apiGroup(environment.CALICO_API_GROUP),
  });
}

function flag(name: string, text: string | undefined): boolean {
  if (text === undefined || /^(0|f|false)$/i.test(text)) return false;
  if (/^(1|t|true)$/i.test(text)) return true;
  throw new Error(`${name}: cannot read "${text}" as true or false`);
}

function apiGroup(text: string | undefined): ApiGroup | undefined {
  if (!text) return undefined;
  const group = API_GROUPS.find((known) => known === text);
  if (group === undefined) throw new Error(`CALICO_API_GROUP: "${text}" is none of ${API_GROUPS.join(", ")}`);
  return group;
}
