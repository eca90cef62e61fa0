/** Words of BIRD 1.6's configuration language, as far as Calico's files use it. */

export type TokenKind = "word" | "number" | "string" | "address" | "prefix" | "sign";

export interface Token {
  readonly kind: TokenKind;
  /** Without quotes: a quoted symbol is a word like any other. */
  readonly text: string;
  readonly line: number;
}

/** Addresses come before numbers and words, for they begin like these. */
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ["string", /"([^"\n]*)"/y],
  ["word", /'([^'\n]*)'/y],
  ["address", /((?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:\/\d+)?)/y],
  ["address", /(\d+\.\d+\.\d+\.\d+(?:\/\d+)?)/y],
  ["number", /(\d+)/y],
  ["word", /([A-Za-z_]\w*)/y],
  ["sign", /(&&|\|\||!~|!=|<=|>=|\[=|=\]|[-+*/%!=<>~(){}[\],;.:?])/y],
];
const BLANK = /(?:\s|#[^\n]*|\/\*[\s\S]*?\*\/)+/y;

/** Throws at what is none of these words. */
export function tokensOf(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const skipBlank = () => {
    BLANK.lastIndex = at;
    const blank = BLANK.exec(text)?.[0] ?? "";
    at += blank.length;
    line += blank.split("\n").length - 1;
  };
  for (skipBlank(); at < text.length; skipBlank()) {
    const token = tokenAt(text, at, line);
    if (token === undefined) throw new Error(`${file}:${line}: not a word of BIRD's: ${text.slice(at, at + 20)}`);
    tokens.push(token.token);
    at += token.length;
  }
  return tokens;
}

function tokenAt(text: string, at: number, line: number): { token: Token; length: number } | undefined {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) continue;
    const word = found[1]!;
    return {
      token: { kind: kind === "address" && word.includes("/") ? "prefix" : kind, text: word, line },
      length: found[0].length,
    };
  }
  return undefined;
}

/** A place in a list of tokens. Every `expect` throws, with file and line, where something else stands. */
export interface Reader {
  peek(ahead?: number): Token | undefined;
  next(): Token;
  /** Takes the sign or word if it stands here. */
  take(text: string): boolean;
  expect(text: string): void;
  expectKind(kind: TokenKind): string;
  fail(message: string): never;
}

export function readerOf(tokens: readonly Token[], file: string): Reader {
  let at = 0;
  const fail = (message: string): never => {
    const token = tokens[at];
    throw new Error(`${file}:${token?.line ?? "end"}: ${message}, found ${token ? `"${token.text}"` : "the end"}`);
  };
  const next = () => tokens[at++] ?? fail("expected more");
  /** A string is never a keyword. */
  const stands = (text: string) => tokens[at]?.text === text && tokens[at]!.kind !== "string";
  const take = (text: string) => {
    if (!stands(text)) return false;
    at++;
    return true;
  };
  return {
    peek: (ahead = 0) => tokens[at + ahead],
    next,
    take,
    expect: (text) => {
      if (!take(text)) fail(`expected "${text}"`);
    },
    expectKind: (kind) => (tokens[at]?.kind === kind ? next().text : fail(`expected a ${kind}`)),
    fail,
  };
}
