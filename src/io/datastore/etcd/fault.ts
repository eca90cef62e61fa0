/** What goes wrong with etcd, in an operator's words, and what the client does about it. */
import { status } from "@grpc/grpc-js";

/**
 * - `token`: authenticate again;
 * - `denied`: a member that does not know our token may say it of a watch, so authenticate again too;
 * - `compacted`: list again;
 * - `unreachable`: the words of gRPC are poor, so ask the connection itself (diagnosis.ts);
 * - `other`: another endpoint, or the same one later.
 */
export type FaultKind = "token" | "denied" | "compacted" | "unreachable" | "other";

export class EtcdFault extends Error {
  override readonly name: string = "EtcdFault";
  readonly kind: FaultKind;
  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** For messages: who asked, and for what. */
export interface Asking {
  readonly user: string | undefined;
  /** `log in`, `read /calico/…`. */
  readonly what: string;
  readonly deadlineMs: number;
}

/** `details` is the text of etcd, or of gRPC itself. */
export function faultOf(code: status, details: string, { user, what, deadlineMs }: Asking): EtcdFault {
  const who = user === undefined ? "" : `user ${user} `;
  if (/invalid auth token|revision of auth store is old/.test(details))
    return new EtcdFault("token", "etcd no longer knows our token");
  if (/required revision has been compacted/.test(details))
    return new EtcdFault("compacted", "the history was compacted");
  if (/authentication failed, invalid user ID or password/.test(details))
    return new EtcdFault(
      "other",
      `the user name ${user ?? ""} or its password is wrong (ETCD_USERNAME, ETCD_PASSWORD)`,
    );
  const keys = /^read (\S+)$/.exec(what)?.[1];
  const grant = keys === undefined ? "" : `: a role of this user needs READ on all keys that begin so`;
  if (code === status.PERMISSION_DENIED || /permission denied/.test(details))
    return new EtcdFault("denied", `permission denied: ${who === "" ? "we" : who.trim()} may not ${what}${grant}`);
  if (/user name is empty/.test(details))
    return new EtcdFault("other", "etcd asks for a user name and a password (ETCD_USERNAME, ETCD_PASSWORD)");
  if (/no leader/.test(details))
    return new EtcdFault("other", "the cluster has no leader: more than half of its members must be up");
  if (code === status.DEADLINE_EXCEEDED || /request timed out/.test(details))
    return new EtcdFault("other", `no answer within ${seconds(deadlineMs)} to the request to ${what}`);
  if (code === status.UNAVAILABLE) return new EtcdFault("unreachable", details);
  return new EtcdFault("other", `cannot ${what}: ${details} (${status[code] ?? code})`);
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
