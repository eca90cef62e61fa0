/** Failures of TCP in sentences for operators. */
import { getSystemErrorMap } from "node:util";
import type { ConnectSpec, Endpoint, ListenSpec } from "../../daemon/ports.ts";
import { formatAddress } from "../../ip/address.ts";

/** `10.0.0.1 port 179`: a colon would be hard to read beside an IPv6 address. */
function describeEndpoint(endpoint: Endpoint): string {
  return `${formatAddress(endpoint.address)} port ${endpoint.port}`;
}

/** The code (`EACCES`) and the system's words for a negative errno. */
export function errnoText(negative: number): string {
  const known = getSystemErrorMap().get(negative);
  return known ? `${known[1]} (${known[0]})` : `error ${-negative}`;
}

/** `EACCES` of a negative errno. */
export function codeOf(negative: number): string {
  return getSystemErrorMap().get(negative)?.[0] ?? `error ${-negative}`;
}

/** The code of a Node error, or its message where it has none. */
export function errorCode(error: unknown): string {
  if (error instanceof Error) return (error as NodeJS.ErrnoException).code ?? error.message;
  return String(error);
}

const MD5_HINT = "an MD5 key is set: a key that is missing or different on the other side looks exactly like this";

/** Why a connection attempt failed. */
export function connectFailure(code: string, spec: ConnectSpec): string {
  const to = describeEndpoint(spec.remote);
  const from = spec.local ? formatAddress(spec.local) : "the chosen source address";
  switch (code) {
    case "ECONNREFUSED":
      return `connection refused by ${to}: nothing listens there, or the peer does not know our address`;
    case "ETIMEDOUT":
      return spec.md5Key === undefined ? `no answer from ${to}` : `no answer from ${to}; ${MD5_HINT}`;
    case "EHOSTUNREACH":
      return `no route to host ${to}`;
    case "ENETUNREACH":
      return `network of ${to} is unreachable: no route leads there`;
    case "EADDRNOTAVAIL":
      return `cannot connect to ${to}: ${from} is not an address of this host`;
    case "EAFNOSUPPORT":
      return `cannot connect to ${to}: the local address is of the other family, or this kernel has the family switched off`;
    case "ENODEV":
      return `cannot connect to ${to}: no interface ${spec.interface ?? spec.remote.address.zone ?? spec.local?.zone ?? ""}`;
    case "EACCES":
    case "EPERM":
      return `not allowed to connect to ${to}: a firewall rule or a missing capability (CAP_NET_ADMIN, CAP_NET_RAW)`;
    case "EMFILE":
    case "ENFILE":
      return `cannot connect to ${to}: too many open files; raise the limit (ulimit -n)`;
    case "ECONNRESET":
      return `connection reset by ${to}`;
    default:
      return `cannot connect to ${to}: ${code}`;
  }
}

/** Why a connection that was up ended. */
export function closeReason(code: string): string {
  switch (code) {
    case "ECONNRESET":
      return "connection reset by peer";
    case "EPIPE":
      return "connection closed by peer while we were sending";
    case "ETIMEDOUT":
      return "connection timed out: the peer stopped answering";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "connection lost: no route to the peer";
    case "ENETDOWN":
      return "connection lost: the network interface is down";
    default:
      return `connection failed: ${code}`;
  }
}

/** Why a listener could not be opened; `action` is the step that failed. */
export function listenFailure(code: string, action: string, { local, interface: device }: ListenSpec): string {
  const at = device === undefined ? describeEndpoint(local) : `${describeEndpoint(local)} of ${device}`;
  switch (code) {
    case "EADDRINUSE":
      return isUnspecified(local)
        ? `cannot listen on ${at}: another program listens on port ${local.port} of some address of this host; stop it, or name the addresses that are ours in router.listen`
        : `cannot listen on ${at}: another program does already, on this address or on all; stop it, or give it other addresses or us another port`;
    case "EADDRNOTAVAIL":
      return `cannot listen on ${at}: not an address of this host`;
    case "EACCES":
      return `cannot listen on ${at}: ports below 1024 need root or CAP_NET_BIND_SERVICE`;
    case "ENODEV":
      return `cannot listen on ${at}: no interface ${device ?? local.address.zone ?? ""}`;
    case "EPERM":
      if (action === "interface") return `cannot listen on ${at}: binding to an interface needs CAP_NET_RAW`;
      break;
    default:
  }
  return `cannot listen on ${at}: ${action}: ${systemText(code)}`;
}

function isUnspecified({ address }: Endpoint): boolean {
  return address.bytes.every((octet) => octet === 0);
}

/** The system's words for a code, where it has any. */
function systemText(code: string): string {
  for (const [name, words] of getSystemErrorMap().values()) if (name === code) return `${words} (${code})`;
  return code;
}

/** Why a listener's MD5 key could not be set. */
export function keyFailure(negative: number): string {
  const code = codeOf(negative);
  if (code === "ENOMEM") return "no room for another MD5 key on this socket: raise sysctl net.core.optmem_max";
  if (code === "ENOPROTOOPT") return "this kernel has no TCP-MD5 (CONFIG_TCP_MD5SIG)";
  return errnoText(negative);
}
