import type { ConnectSpec } from "../../daemon/ports.ts";
import { setMd5Key } from "./md5-key.ts";
import { bindSocket, closeSocket, openSocket } from "./native.ts";
import { codeOf, connectFailure } from "./reasons.ts";
import { domainOf, setCommonOptions, setHops, setInterface, setLatePort, socketAddress } from "./socket-options.ts";

const ENODEV = 19;
const EAFNOSUPPORT = 97;

/** A descriptor that is ready to connect, or the sentence why there is none. */
export function openOutgoing(spec: ConnectSpec, sendBufferOctets: number): number | string {
  const remote = spec.remote.address;
  const { local, interface: device, md5Key } = spec;
  const explain = (status: number) => connectFailure(codeOf(status), spec);
  if (local && local.family !== remote.family) return explain(-EAFNOSUPPORT);
  if (!socketAddress(remote, spec.remote.port)) return explain(-ENODEV);
  const fd = openSocket(domainOf(remote));
  if (fd < 0) return explain(fd);
  const source = local && socketAddress(local, 0);
  let status =
    setCommonOptions(fd, remote, sendBufferOctets) ||
    setHops(fd, remote.family, spec.ttl, spec.minTtl) ||
    (device === undefined ? 0 : setInterface(fd, device)) ||
    (md5Key === undefined ? 0 : setMd5Key(fd, { remote }, md5Key));
  if (status === 0 && local) {
    setLatePort(fd); // only an optimisation: its failure does not matter
    status = source ? bindSocket(fd, source) : -ENODEV;
  }
  if (status === 0) return fd;
  closeSocket(fd);
  return explain(status);
}
