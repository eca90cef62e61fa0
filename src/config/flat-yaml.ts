/**
 * The YAML that thousands of generated peer files are written in: comments, and one `key: value` a line. It is read in 3 µs
 * where the whole language takes 200; whatever it does not know for sure is left to that.
 */
export interface FlatSource {
  readonly value: Readonly<Record<string, string | boolean>>;
  /** Of the first key, from 1. */
  readonly line: number;
}

const LINE = /^([A-Za-z][A-Za-z0-9]*): (?:([A-Za-z0-9_](?:[\w./:-]*[\w./-])?)|"([ !#-[\]-~]*)")$/;
const COMMENT = /^#[ -~]*$/;
/** What the language reads as something else than text. */
const WORDS = new Map([
  ["true", true],
  ["false", false],
]);
const OTHER_WORDS = /^(?:null|true|false)$/i;

/** Undefined where the text is anything else, or says a key twice. */
export function readFlatYaml(text: string): FlatSource | undefined {
  if (!text.endsWith("\n")) return undefined;
  const value: Record<string, string | boolean> = {};
  let first = 0;
  let line = 0;
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const content = text.slice(at, end);
    at = end + 1;
    line++;
    if (content === "" || COMMENT.test(content)) continue;
    const [, key, plain, quoted] = LINE.exec(content) ?? [];
    if (key === undefined || key in value) return undefined;
    const word = plain === undefined ? undefined : WORDS.get(plain);
    if (plain !== undefined && word === undefined && OTHER_WORDS.test(plain)) return undefined;
    value[key] = word ?? plain ?? quoted!;
    if (first === 0) first = line;
  }
  return first === 0 ? undefined : { value, line: first };
}
