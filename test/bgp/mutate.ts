/** Deterministic pseudo-random numbers (xorshift32) in [0, bound). */
function createRandom(seed: number): (bound: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % bound;
  };
}

/** Values at which parsers break. */
const SHARP = [0, 1, 2, 3, 4, 7, 8, 14, 15, 16, 17, 31, 32, 33, 63, 64, 127, 128, 129, 254, 255] as const;

type Below = (bound: number) => number;

/** Kinds of changes of one place; `changeOnce` is told one of them. */
export const KINDS = 6;

/** An octet set, flipped or replaced, or a run of them cut out, doubled or moved behind the next. May change its argument. */
export function changeOnce(octets: number[], kind: number, at: number, count: number, below: Below): number[] {
  switch (kind) {
    case 0:
      octets[at] = SHARP[below(SHARP.length)]!;
      break;
    case 1:
      octets[at] = octets[at]! ^ (1 << below(8));
      break;
    case 2:
      octets[at] = below(256);
      break;
    case 3:
      octets.splice(at, count);
      break;
    case 4:
      octets.splice(at, 0, ...octets.slice(at, at + count));
      break;
    case 5:
      return [...octets.slice(0, at), ...octets.slice(at + count), ...octets.slice(at, at + count)];
  }
  return octets;
}

/**
 * The message with one to four changes that depend on the seed alone: octets set or flipped, runs cut out, doubled or
 * moved. The marker is spared, and the length field nearly always set right afterwards, so that the inside is reached.
 */
export function mutate(seed: number, message: Uint8Array): Uint8Array {
  const random = createRandom(seed);
  let octets = Array.from(message);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    if (octets.length <= 19) octets.push(random(256));
    const at = 18 + random(octets.length - 18);
    const count = 1 + random(Math.min(16, octets.length - at));
    octets = changeOnce(octets, random(KINDS), at, count, random);
  }
  octets = octets.slice(0, 4096);
  while (octets.length < 19) octets.push(0);
  if (random(10) !== 0) [octets[16], octets[17]] = [octets.length >>> 8, octets.length & 0xff];
  return Uint8Array.from(octets);
}
