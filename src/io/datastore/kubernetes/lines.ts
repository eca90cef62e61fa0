/** A stream of octets cut into lines. */
export interface LineReader {
  push(chunk: Buffer): void;
}

/**
 * Gives each line without its newline; what follows the last newline waits for more, and is dropped with the reader. A line
 * longer than `mostOctets` makes `push` throw what `tooLong` gives.
 */
export function createLineReader(onLine: (line: string) => void, mostOctets: number, tooLong: () => Error): LineReader {
  let held: Buffer[] = [];
  let heldOctets = 0;
  return {
    push(chunk) {
      let from = 0;
      for (;;) {
        const end = chunk.indexOf(0x0a, from);
        if (end < 0) break;
        const last = chunk.subarray(from, end);
        const line = held.length === 0 ? last : Buffer.concat([...held, last]);
        held = [];
        heldOctets = 0;
        from = end + 1;
        if (line.length > 0) onLine(line.toString("utf8"));
      }
      if (from < chunk.length) {
        held.push(chunk.subarray(from));
        heldOctets += chunk.length - from;
        if (heldOctets > mostOctets) throw tooLong();
      }
    },
  };
}
