/**
 * What goes over the control socket. Each line is one JSON value. A client sends a request; the answer is any number
 * of `data` lines, then one `end` or `error` line, and then the next request may follow.
 */

import { ControlError } from "../../control/control-error.ts";

export { ControlError };

export type ControlLine =
  | { readonly data: unknown }
  | { readonly end: true }
  | { readonly error: { readonly code: string; readonly message: string } };

/**
 * Splits a stream of octets into lines of at most `limit` octets. `push` gives the complete lines; undefined once a
 * line is too long, after which the stream is lost.
 */
export function createLineSplitter(limit: number): { push(chunk: Buffer): string[] | undefined } {
  let held: Buffer[] = [];
  let heldOctets = 0;
  return {
    push(chunk) {
      const lines: string[] = [];
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        if (heldOctets + at - from > limit) return undefined;
        held.push(chunk.subarray(from, at));
        lines.push(held.length === 1 ? held[0]!.toString("utf8") : Buffer.concat(held).toString("utf8"));
        held = [];
        heldOctets = 0;
        from = at + 1;
      }
      if (from < chunk.length) {
        heldOctets += chunk.length - from;
        if (heldOctets > limit) return undefined;
        held.push(chunk.subarray(from));
      }
      return lines;
    },
  };
}
