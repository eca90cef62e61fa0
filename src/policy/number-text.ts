/** Comparisons and computed values as people write them: `< 1024`, `2147483647 - metric`. */
import { type Expression, type NumberMatch, OPERANDS, type Operand } from "./types.ts";

export const MAX_U32 = 0xffffffff;

export const COMPARISONS = ["eq", "lt", "le", "gt", "ge"] as const;
export type Comparison = (typeof COMPARISONS)[number];

const SIGNS: Readonly<Record<string, Comparison>> = {
  "": "eq",
  "=": "eq",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
};

/** `1024`, `= 1024`, `< 1024`, `<= 1024`, `> 1024`, `>= 1024` or `none`. Undefined when it is none of these. */
export function parseNumberMatch(text: string): NumberMatch | undefined {
  if (text.trim() === "none") return "none";
  const parts = /^\s*(=|<=?|>=?)?\s*(\d{1,10})\s*$/.exec(text);
  const value = Number(parts?.[2]);
  if (!parts || value > MAX_U32) return undefined;
  return rangeOf({ [SIGNS[parts[1] ?? ""]!]: value });
}

/** All comparisons together; `min` is above `max` where no number meets them. */
export function rangeOf(comparisons: { readonly [C in Comparison]?: number | undefined }): {
  min: number;
  max: number;
} {
  const { eq, lt, le, gt, ge } = comparisons;
  return {
    min: Math.max(0, eq ?? 0, gt === undefined ? 0 : gt + 1, ge ?? 0),
    max: Math.min(MAX_U32, eq ?? MAX_U32, lt === undefined ? MAX_U32 : lt - 1, le ?? MAX_U32),
  };
}

/** A number, a text with one comparison, or what a mapping of two says. */
export function plainNumberMatch(match: NumberMatch): number | string | { readonly ge: number; readonly le: number } {
  if (match === "none") return match;
  const { min, max } = match;
  if (min === max) return min;
  if (min === 0) return `<= ${max}`;
  return max === MAX_U32 ? `>= ${min}` : { ge: min, le: max };
}

export function formatNumberMatch(match: NumberMatch): string {
  const plain = plainNumberMatch(match);
  return typeof plain === "object" ? `${plain.ge} to ${plain.le}` : String(plain);
}

/** `value` is undefined where the route has none. */
export function inRange(match: NumberMatch, value: number | undefined): boolean {
  if (match === "none") return value === undefined;
  return value !== undefined && value >= match.min && value <= match.max;
}

/** Another spelling that is understood. */
const SPELLINGS: Readonly<Record<string, Operand>> = { localPreference: "localPref" };

/** `metric`, `metric + 10`, `med - 5`, `10 + metric` or `2147483647 - localPref`. */
export function parseExpression(text: string): Expression | undefined {
  const leading = /^\s*([A-Za-z]+)\s*(?:([+-])\s*(\d{1,10}))?\s*$/.exec(text);
  const trailing = /^\s*(\d{1,10})\s*([+-])\s*([A-Za-z]+)\s*$/.exec(text);
  const of = operand(leading?.[1] ?? trailing?.[3] ?? "");
  const number = Number(leading?.[3] ?? trailing?.[1] ?? 0);
  if (of === undefined || number > MAX_U32) return undefined;
  if (trailing) return { of, negative: trailing[2] === "-", offset: number };
  return { of, negative: false, offset: leading?.[2] === "-" && number !== 0 ? -number : number };
}

function operand(word: string): Operand | undefined {
  return SPELLINGS[word] ?? OPERANDS.find((each) => each === word);
}

export function formatExpression({ of, negative, offset }: Expression): string {
  if (negative) return `${offset} - ${of}`;
  if (offset === 0) return of;
  return offset > 0 ? `${of} + ${offset}` : `${of} - ${-offset}`;
}

/** Greatest value of each: the metric above it would be taken for none. */
export const GREATEST: Readonly<Record<Operand, number>> = {
  metric: MAX_U32 - 1,
  localPref: MAX_U32,
  med: MAX_U32,
  preference: MAX_U32,
};

/** What the expression gives for the value of its operand, within the range of what is set. */
export function compute({ negative, offset }: Expression, value: number, set: Operand): number {
  return Math.max(0, Math.min(GREATEST[set], negative ? offset - value : offset + value));
}
