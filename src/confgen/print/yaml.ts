/** Plain values as YAML, the same bytes for the same values: lines that fit are written in one, longer ones as blocks. */

export type Plain = string | number | boolean | readonly Plain[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: Plain | undefined;
}

const WIDTH = 120;

/** Read back as themselves whatever stands around them. */
const BARE = /^(?:[A-Za-z_][\w./-]*|\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?|\d+(?:ms|s|m|h))(?: [gl]e \d{1,3})*$/;
/** What some reader of YAML takes for something else than text. */
const WORDS = /^(?:true|false|null|yes|no|on|off|y|n|\.inf|\.nan)$/i;

export function scalarText(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  return BARE.test(value) && !WORDS.test(value) ? value : quoted(value);
}

/** Double quotes, as JSON has them, and no character that ends a line or is no character at all. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** On one line. */
export function flowText(value: Plain): string {
  if (typeof value !== "object") return scalarText(value);
  if (isList(value)) return `[${value.map(flowText).join(", ")}]`;
  const entries = entriesOf(value);
  return entries.length === 0
    ? "{}"
    : `{ ${entries.map(([key, each]) => `${keyText(key)}: ${flowText(each)}`).join(", ")} }`;
}

/**
 * Appends the value behind `lead`, which ends with `key:` or `-`. `indent` is that of the line; `comment` goes to its end,
 * or before it where there is no room.
 */
export function putValue(out: string[], lead: string, value: Plain, indent: number, comment?: string): void {
  const flow = flowText(value);
  const note = comment === undefined ? "" : ` # ${oneLine(comment)}`;
  if (typeof value !== "object" || lead.length + 1 + flow.length <= WIDTH || isEmpty(value)) {
    const fits = lead.length + 1 + flow.length + note.length <= WIDTH;
    if (!fits && note !== "") out.push(`${" ".repeat(indent)}${note.slice(1)}`);
    out.push(`${lead} ${flow}${fits ? note : ""}`);
    return;
  }
  if (note !== "") out.push(`${" ".repeat(indent)}${note.slice(1)}`);
  const inner = " ".repeat(indent + 2);
  if (isList(value)) {
    out.push(lead);
    for (const item of value) putValue(out, `${inner}-`, item, indent + 2);
    return;
  }
  const inList = lead.endsWith("-");
  if (!inList) out.push(lead);
  for (const [i, [key, each]] of entriesOf(value).entries())
    putValue(out, `${inList && i === 0 ? `${lead} ` : inner}${keyText(key)}:`, each, indent + 2);
}

/** A comment of its own line. */
export function putComment(out: string[], text: string, indent = 0): void {
  out.push(`${" ".repeat(indent)}# ${oneLine(text)}`);
}

export function keyText(key: string): string {
  return scalarText(key);
}

/** Nothing of what a resource holds may end a comment. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\ufeff]+/gu, " ");
}

function entriesOf(value: PlainMap): [string, Plain][] {
  return Object.entries(value).filter((entry): entry is [string, Plain] => entry[1] !== undefined);
}

function isList(value: readonly Plain[] | PlainMap): value is readonly Plain[] {
  return Array.isArray(value);
}

function isEmpty(value: readonly Plain[] | PlainMap): boolean {
  return isList(value) ? value.length === 0 : entriesOf(value).length === 0;
}
