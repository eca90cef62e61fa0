/** What an operator orders. The router takes it as an event, so that it is recorded like all else that happens. */
export type AdminCommand =
  /** Down until `enable`, over reloads; `text` goes with the Cease (RFC 9003). */
  | { readonly action: "disable"; readonly peer: string; readonly text?: string }
  | { readonly action: "enable"; readonly peer: string }
  | { readonly action: "restart"; readonly peer: string; readonly text?: string }
  | { readonly action: "refresh"; readonly peer: string; readonly direction: "in" | "out" | "both" }
  /** What we announce says that we are about to go (RFC 8326), or no longer does; the latter takes back a shutdown. */
  | { readonly action: "drain"; readonly on: boolean }
  /** Ends all sessions and the process, after `drainMs` of `drain`. */
  | { readonly action: "shutdown"; readonly text?: string; readonly drainMs?: number };
