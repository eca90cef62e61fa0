/**
 * Fields of a resource, for zod. Absent, null and "" are the same, as for Calico's own programs, which write what they do
 * not say in any of these forms; keys that are not named are left aside, since a newer release may write more.
 */
import { z } from "zod";

/** Said in place of what a field's grammar expects. */
export class Wrong {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** Whatever is written, or nothing: to zod a key that may be absent. */
export const anything = z.unknown().optional();

/** A scalar with a grammar of its own; the message of a fault says what was expected and what was found. */
export function field<T>(expected: string, read: (text: string, value: unknown) => T | Wrong | undefined) {
  return anything.transform((value, context): T | undefined => {
    if (value === undefined || value === null || value === "") return undefined;
    const result = typeof value === "object" ? undefined : read(String(value), value);
    if (result !== undefined && !(result instanceof Wrong)) return result;
    const message = result instanceof Wrong ? result.message : `expected ${expected}, not ${shown(value)}`;
    context.issues.push({ code: "custom", message, input: value });
    return undefined;
  });
}

/** One of these words, written so. */
export function choice<const T extends readonly string[]>(values: T) {
  const all = `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
  return field<T[number]>(values.length === 1 ? `${values[0]}` : all, (text) =>
    values.includes(text) ? text : undefined,
  );
}

export const flag = field("true or false", (text) => (text === "true" ? true : text === "false" ? false : undefined));

/** A name of something else. It may come to stand in a comment, so it keeps to its line. */
export function words(what: string, longest: number) {
  return field(`${what} of at most ${longest} characters`, (text) =>
    text.length <= longest && isOneLine(text) ? text : undefined,
  );
}

export function isOneLine(text: string): boolean {
  return !/[\p{Cc}\u2028\u2029]/u.test(text);
}

export function wholeNumber(least: number, most: number) {
  return field(`a whole number from ${least} to ${most}`, (text) => wholeNumberOf(text, least, most));
}

export function wholeNumberOf(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

/** Of at most so many entries; empty ones are left out. Absent where nothing is written, which some readers tell from `[]`. */
export function list<T>(item: z.ZodType<T>, most = Number.POSITIVE_INFINITY) {
  return z
    .array(item, { error: (issue) => `expected a list, not ${shown(issue.input)}` })
    .nullish()
    .transform((entries, context) => {
      if (!entries) return undefined;
      if (entries.length > most)
        context.issues.push({ code: "custom", message: `more than ${most} entries`, input: entries });
      return entries.filter((entry) => entry !== undefined) as Exclude<T, undefined>[];
    });
}

/** A mapping; where nothing is written, an empty one. */
export function section<T extends z.ZodRawShape>(shape: T) {
  return anything.transform((value) => value ?? {}).pipe(mapping(shape));
}

/** A mapping, or nothing. */
export function optionalSection<T extends z.ZodRawShape>(shape: T) {
  return mapping(shape)
    .nullish()
    .transform((value) => value ?? undefined);
}

export function mapping<T extends z.ZodRawShape>(shape: T) {
  return z.object(shape, { error: (issue) => `expected a mapping, not ${shown(issue.input)}` });
}

/** Values of labels may be written as YAML's booleans and numbers. */
export const stringMap = anything.transform((value, context): Readonly<Record<string, string>> => {
  if (value === undefined || value === null) return NOTHING;
  if (typeof value !== "object" || Array.isArray(value)) {
    context.issues.push({ code: "custom", message: `expected a mapping, not ${shown(value)}`, input: value });
    return NOTHING;
  }
  const texts: [string, string][] = [];
  for (const [key, entry] of Object.entries(value)) {
    if (entry !== null && typeof entry === "object")
      context.issues.push({
        code: "custom",
        message: `expected a text, not ${shown(entry)}`,
        input: entry,
        path: [key],
      });
    else texts.push([key, String(entry ?? "")]);
  }
  return Object.fromEntries(texts);
});

const NOTHING: Readonly<Record<string, string>> = Object.freeze({});

const SHOWN = 60;

/** A value on one line, for messages. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const text = String(value).replace(/[\p{Cc}\u2028\u2029]/gu, "\ufffd");
  return `\`${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}\``;
}
