/** True when the whole text fits the pattern: `*` stands for any characters or none, `?` for one. */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let taken = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p++;
      taken = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      // The last star takes one character more.
      p = star + 1;
      t = ++taken;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === "*") p++;
  return p === pattern.length;
}

/** Any of the patterns fits any of the texts. */
export function anyGlob(patterns: readonly string[], texts: readonly string[]): boolean {
  for (let i = 0; i < texts.length; i++)
    for (let j = 0; j < patterns.length; j++) if (matchesGlob(patterns[j]!, texts[i]!)) return true;
  return false;
}
