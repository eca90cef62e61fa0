/** Communities of all kinds as 32-bit words: standard ones have one, extended ones two, large ones three. */

/** Words that agree with these in the bits of the masks. */
export interface MaskedWords {
  readonly words: readonly number[];
  readonly masks: readonly number[];
}

/** A community or, with wildcards, many of one kind: `64512:100`, `64512:*`. */
export interface CommunityPattern {
  /** Canonical, so that equal texts are equal patterns. */
  readonly text: string;
  /** A community that one of these describes matches. */
  readonly any: readonly MaskedWords[];
}

export const ALL_BITS = 0xffffffff;

/** The words at `list[at]`, as many as the pattern has. */
export function matchesWords({ words, masks }: MaskedWords, list: ArrayLike<number>, at: number): boolean {
  for (let i = 0; i < words.length; i++) if (((list[at + i]! ^ words[i]!) & masks[i]!) !== 0) return false;
  return true;
}

export function matchesPattern(pattern: CommunityPattern, list: ArrayLike<number>, at: number): boolean {
  for (let i = 0; i < pattern.any.length; i++) if (matchesWords(pattern.any[i]!, list, at)) return true;
  return false;
}

export function matchesAny(patterns: readonly CommunityPattern[], list: ArrayLike<number>, at: number): boolean {
  for (let i = 0; i < patterns.length; i++) if (matchesPattern(patterns[i]!, list, at)) return true;
  return false;
}
