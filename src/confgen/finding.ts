/** Something that an operator should know about the datastore's content. Findings stop nothing. */
export interface Finding {
  /** `error`: something is held closed. `warning`: something is used otherwise than it reads. */
  readonly severity: "error" | "warning" | "info";
  /** Stable word for the cause, as `password-missing`. */
  readonly code: string;
  /** What it is about, as `BGPPeer/tor-a`. */
  readonly resource: string;
  /** One sentence: what is wrong, and what was done about it. */
  readonly message: string;
}
