/** The words of a command. `"…"` is a pattern, `'…'` a name with any characters, `#` begins a comment. */

export interface Token {
  readonly kind: "word" | "pattern" | "name";
  readonly text: string;
}

/** What cannot be a word at all. */
export interface Unreadable {
  readonly unreadable: string;
}

const TOKEN = /\s*(?:#.*$|\/\*.*?(?:\*\/|$)|"([^"]*)"|'([^']*)'|([^\s"'#]+)|(["']))/y;

export function readTokens(line: string): readonly Token[] | Unreadable {
  const tokens: Token[] = [];
  const end = line.trimEnd().length;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(line);
    if (!found) break;
    const [, pattern, name, word, stray] = found;
    if (stray !== undefined) return { unreadable: "Unterminated string" };
    if (pattern !== undefined) tokens.push({ kind: "pattern", text: pattern });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
  }
  return tokens;
}
