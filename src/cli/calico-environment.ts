/** What the environment of the calico-node container says beyond the datastore (calico-bgp.md 4.1). */
import type { Environment } from "../confgen/environment.ts";

/** NODENAME, else what Calico's startup wrote to its file, else HOSTNAME, else the host's name; the last two in small letters. */
export function nodeName(environment: Environment, written: string | undefined, hostName: string): string {
  const told = environment.NODENAME?.trim() || written?.trim();
  return told || (environment.HOSTNAME?.trim() || hostName.trim()).toLowerCase();
}

/** Where Calico's startup writes the node's name. */
export function nodeNameFile(environment: Environment): string {
  return environment.CALICO_NODENAME_FILE || "/var/lib/calico/nodename";
}

/** The networking backend, where it is one without BGP: Calico's own image does not start BIRD there. */
export function backendWithoutBgp(environment: Environment): "none" | "vxlan" | undefined {
  const backend = environment.CALICO_NETWORKING_BACKEND;
  return backend === "none" || backend === "vxlan" ? backend : undefined;
}
