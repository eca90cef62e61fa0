import type { Notification } from "./notification.ts";

/**
 * A fault that ends the session: it is exactly what NOTIFICATION needs (RFC 4271 §4.5), with a sentence for the log.
 * Milder outcomes (RFC 7606) are results, never exceptions.
 */
export class BgpError extends Error implements Notification {
  override readonly name: string = "BgpError";
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;

  constructor(code: number, subcode: number, message: string, data: Uint8Array = new Uint8Array()) {
    super(message);
    this.code = code;
    this.subcode = subcode;
    this.data = data;
  }
}
