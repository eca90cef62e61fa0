/** Commands out of a stream of octets: one on each line, `\r` counting for nothing. */

/** Longest command; what is longer is answered with 9000, and its octets are not kept. */
const MAX_COMMAND_OCTETS = 4096;

/** A command, or undefined for one that is too long. */
export type CommandLine = string | undefined;

export interface CommandLines {
  /** The commands that are complete with these octets. The octets are not kept. */
  push(chunk: Uint8Array): CommandLine[];
}

const LF = 0x0a;
const CR = 0x0d;

export function createCommandLines(limit = MAX_COMMAND_OCTETS): CommandLines {
  const held = new Uint8Array(limit);
  let length = 0;
  let isTooLong = false;
  return {
    push(chunk) {
      const lines: CommandLine[] = [];
      for (let at = 0; at < chunk.length; at++) {
        const octet = chunk[at]!;
        if (octet === LF) {
          lines.push(isTooLong ? undefined : latin1(held, length));
          length = 0;
          isTooLong = false;
        } else if (octet === CR) continue;
        else if (length === limit) isTooLong = true;
        else held[length++] = octet;
      }
      return lines;
    },
  };
}

/** Names that the commands know are of ASCII; other octets only have to stay what they are. */
function latin1(octets: Uint8Array, length: number): string {
  let text = "";
  for (let at = 0; at < length; at += 1024)
    text += String.fromCharCode(...octets.subarray(at, Math.min(length, at + 1024)));
  return text;
}
