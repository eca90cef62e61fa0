/** Where the servers are, at this moment: the endpoints that are configured, or those that DNS names. */
import { type EtcdOptions, parseEndpoint } from "../../../confgen/datastore/etcd-options.ts";
import { EtcdFault } from "./fault.ts";
import type { EtcdTuning, SrvRecord } from "./tuning.ts";

/**
 * URLs in the order in which they are to be tried. Throws EtcdFault where DNS names none. Of what DNS names, plain ones count
 * only where nothing says that there is TLS: who can disturb the others must not be told the password.
 */
export async function findEndpoints(
  options: EtcdOptions,
  tuning: EtcdTuning,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (options.discoverySrv === undefined) return options.endpoints;
  const domain = options.discoverySrv;
  // DNS may take long, and a closed datastore does not wait for it.
  let giveUp = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(new EtcdFault("other", "closed"));
    signal.addEventListener("abort", giveUp, { once: true });
  });
  const lookups = ["_etcd-client-ssl", "_etcd-client"].map((service) => recordsOf(`${service}._tcp.${domain}`, tuning));
  const [secure, plain] = await Promise.race([Promise.all(lookups), aborted]).finally(() =>
    signal.removeEventListener("abort", giveUp),
  );
  const isSecured = options.caFile !== undefined || options.certFile !== undefined;
  const encrypted = urls("https", secure!.records);
  const found = encrypted.length > 0 || isSecured ? encrypted : urls("http", plain!.records);
  if (found.length > 0) return found;
  const ssl = `_etcd-client-ssl._tcp.${domain}`;
  if (isSecured)
    throw new EtcdFault(
      "unreachable",
      `DNS has no SRV record ${ssl} (${secure!.code}), and certificates are configured`,
    );
  const codes = [...new Set([secure!.code, plain!.code])].join(", ");
  throw new EtcdFault("unreachable", `DNS has no SRV record ${ssl} or _etcd-client._tcp.${domain} (${codes})`);
}

async function recordsOf(
  name: string,
  tuning: EtcdTuning,
): Promise<{ readonly records: readonly SrvRecord[]; readonly code: string }> {
  try {
    return { records: await tuning.resolveSrv(name), code: "no record" };
  } catch (error) {
    return { records: [], code: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

/** RFC 2782: the lowest priority first. Among equals the heavier first, which is as good as chance for a few servers. */
function urls(scheme: string, records: readonly SrvRecord[]): readonly string[] {
  return [...records]
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .flatMap(({ name, port }) => parseEndpoint(`${scheme}://${name.replace(/\.$/, "")}:${port}`, false) ?? []);
}
