import { z } from "zod";
import type { CommunityPattern } from "../bgp/community-pattern.ts";
import { utf8Length } from "../bgp/text.ts";
import { type Address, parseAddress, parseQuad } from "../ip/address.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixOf } from "../ip/prefix.ts";
import {
  parseCommunity,
  parseCommunityPattern,
  parseExtendedCommunity,
  parseExtendedCommunityPattern,
  parseLargeCommunity,
  parseLargeCommunityPattern,
  WELL_KNOWN_COMMUNITIES,
} from "../policy/community-text.ts";
import { hint } from "./nearest.ts";

/** A value that fails to parse is described by a function of its text, or by what was expected of it. */
class Fault {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}
const fault = (message: string) => new Fault(message);

/** A YAML scalar with a grammar of its own. `form` is what the JSON Schema says of it. */
export function scalar<T>(
  expected: string,
  parse: (text: string) => T | Fault | undefined,
  form: Readonly<Record<string, unknown>> = { type: "string" },
) {
  const schema = z
    .union([z.string(), z.number()], { error: () => `expected ${expected}` })
    .transform((value, context): T => {
      const parsed = parse(String(value));
      if (parsed !== undefined && !(parsed instanceof Fault)) return parsed as T;
      const message = parsed instanceof Fault ? parsed.message : `expected ${expected}, not \`${value}\``;
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    });
  return schema.meta({ form });
}

/** Decimal digits only, within bounds. */
export function integerWithin(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

export function integer(least: number, most: number) {
  return scalar(`a whole number from ${least} to ${most}`, (text) => integerWithin(text, least, most), {
    type: "integer",
    minimum: least,
    maximum: most,
  });
}

export const unsigned32 = integer(0, 0xffffffff);

export const flag = z.boolean({ error: () => "expected true or false" });

/** A switch that has more to say than on and off. */
export function flagOr<T>(
  expected: string,
  parse: (value: boolean | string) => T | undefined,
  form: Readonly<Record<string, unknown>> = { type: ["boolean", "string"] },
) {
  return z
    .union([z.boolean(), z.string(), z.number()], { error: () => `expected ${expected}` })
    .transform((value, context): T => {
      const parsed = parse(typeof value === "number" ? String(value) : value);
      if (parsed !== undefined) return parsed;
      context.issues.push({ code: "custom", message: `expected ${expected}, not \`${value}\``, input: value });
      return z.NEVER;
    })
    .meta({ form });
}

/** A mapping that one of its values may stand for. `short` is what the JSON Schema says of that value. */
export function shortFor<T extends z.ZodType>(
  short: Readonly<Record<string, unknown>>,
  asMapping: (text: string) => unknown,
  schema: T,
) {
  return z
    .preprocess(
      (value) => (typeof value === "string" || typeof value === "number" ? asMapping(String(value)) : value),
      schema,
    )
    .meta({ short });
}

/** For the JSON Schema only: zod drops `default` from what transforms. */
export const asDefault = (value: unknown) => ({ fallback: value });

/** Kinds of mapping, for the words of messages. */
export const mapping = (what: string) => ({ error: () => `expected ${what}: a mapping of keys` });

/** RFC 5396: asplain, or asdot `high.low`. */
export function parseAsn(text: string): number | undefined {
  const dot = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  if (!dot) return integerWithin(text, 1, 0xffffffff);
  const [high, low] = [Number(dot[1]), Number(dot[2])];
  const value = high * 65536 + low;
  return high <= 0xffff && low <= 0xffff && value > 0 ? value : undefined;
}

export const asn = scalar("an AS number from 1 to 4294967295, plain or dotted", parseAsn, {
  anyOf: [
    { type: "integer", minimum: 1, maximum: 0xffffffff },
    { type: "string", pattern: "^\\d+\\.\\d+$" },
  ],
});

export const address = scalar<Address>("an IP address", parseAddress);

export const bgpId = scalar("a dotted quad such as 10.0.0.1, not 0.0.0.0", (text) => {
  const value = parseQuad(text) ?? integerWithin(text, 1, 0xffffffff);
  return value === 0 ? undefined : value;
});

export const prefix = scalar<Prefix>("a prefix such as 10.0.0.0/8 or 2001:db8::/32", prefixText);

function prefixText(text: string): Prefix | Fault | undefined {
  const parsed = parsePrefix(text);
  if (parsed) return parsed;
  const [before, after] = text.split("/");
  const host = parseAddress(before ?? "");
  const length = integerWithin(after ?? "", 0, host ? host.bytes.length * 8 : 0);
  if (!host || host.zone !== undefined || length === undefined) return undefined;
  return fault(`\`${text}\` has bits set beyond its length; the prefix is ${formatPrefix(prefixOf(host, length))}`);
}

/** An address stands for the prefix that holds it alone. */
export const addressOrPrefix = scalar<Prefix>("an IP address or a prefix", (text) => {
  if (text.includes("/")) return prefixText(text);
  const parsed = parseAddress(text);
  return parsed && parsed.zone === undefined ? prefixOf(parsed, parsed.bytes.length * 8) : undefined;
});

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Timers of the platform count milliseconds in 31 bits. */
const LONGEST_MS = 0x7fffffff;

/** Milliseconds of `90s`, `500ms`, `2m`, `1h` or plain seconds. */
function durationWithin(expected: string, longest: number, units: string) {
  return scalar(
    expected,
    (text) => {
      const parts = /^(\d{1,10})\s*(ms|s|m|h|d)?$/.exec(text);
      if (!parts || !units.includes(parts[2] ?? "s")) return undefined;
      const value = Number(parts[1]) * UNITS[parts[2] ?? "s"]!;
      return value <= longest ? value : undefined;
    },
    {
      anyOf: [
        { type: "integer", minimum: 0 },
        { type: "string", pattern: `^\\d+\\s*(${units})?$` },
      ],
    },
  );
}

export const duration = durationWithin("a duration such as 90s, 500ms or 2m, at most 24 days", LONGEST_MS, "ms|s|m|h");

/** For what is no timer of the platform by itself. */
export const longDuration = durationWithin("a duration such as 90s, 24h or 7d", Number.MAX_SAFE_INTEGER, "ms|s|m|h|d");

const A_COMMUNITY = "a community such as 64512:100 or no-export";
const A_LARGE_COMMUNITY = "a large community such as 64512:1:2";
const AN_EXTENDED_COMMUNITY = "an extended community such as rt:64512:100, ro:10.0.0.1:5 or 0x and 16 digits";
const WILDCARDS = "with * for any part";

const namedCommunity =
  <T>(parse: (text: string) => T | undefined) =>
  (text: string) => {
    const parsed = parse(text);
    if (parsed !== undefined || text.includes(":")) return parsed;
    return fault(`unknown community \`${text}\`${hint(text, Object.keys(WELL_KNOWN_COMMUNITIES))}`);
  };

export const community = scalar(A_COMMUNITY, namedCommunity(parseCommunity));
export const largeCommunity = scalar(A_LARGE_COMMUNITY, parseLargeCommunity);
export const extendedCommunity = scalar(AN_EXTENDED_COMMUNITY, parseExtendedCommunity);

/** The same, and patterns such as `64512:*`. */
export const communityPattern = scalar(`${A_COMMUNITY}, ${WILDCARDS}`, namedCommunity(parseCommunityPattern));
export const largeCommunityPattern = scalar(`${A_LARGE_COMMUNITY}, ${WILDCARDS}`, parseLargeCommunityPattern);
export const extendedCommunityPattern = scalar(`${AN_EXTENDED_COMMUNITY}, ${WILDCARDS}`, parseExtendedCommunityPattern);

/** A pattern of any kind, told by its form. */
export const anyCommunityPattern = scalar<{
  readonly kind: "standard" | "large" | "extended";
  readonly pattern: CommunityPattern;
}>("a community such as 64512:100, 64512:1:2 or rt:64512:100, with * for any part", (text) => {
  const large = parseLargeCommunityPattern(text);
  if (large) return { kind: "large", pattern: large };
  const extended = parseExtendedCommunityPattern(text);
  if (extended) return { kind: "extended", pattern: extended };
  const standard = namedCommunity(parseCommunityPattern)(text);
  return standard === undefined || standard instanceof Fault ? standard : { kind: "standard", pattern: standard };
});

/** Names appear in columns and commands: one word. */
export function name(what: string) {
  return scalar(`${what}: letters, digits and _ . : / @ % + -, at most 128`, (text) =>
    /^[A-Za-z0-9_][\w.:/@%+-]{0,127}$/.test(text) ? text : undefined,
  );
}

/** TCP_MD5SIG_MAXKEYLEN */
const PASSWORD_OCTETS = 80;
/** What printing puts in place of a key; never accepted as one, so that a printed configuration fails closed. */
export const HIDDEN = "<hidden>";

/** Undefined: usable as a TCP-MD5 key. The text never names the key. */
export function passwordFault(text: string): string | undefined {
  if (text === HIDDEN) return "the password was hidden when this was printed; write the real one";
  const octets = utf8Length(text);
  return octets >= 1 && octets <= PASSWORD_OCTETS
    ? undefined
    : `expected a password of 1 to ${PASSWORD_OCTETS} octets, not ${octets}`;
}

export const password = z
  .string({ error: () => "expected a password; put quotes around it" })
  .superRefine((text, context) => {
    const message = passwordFault(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

export const line = (what: string) =>
  z
    .string({ error: () => `expected ${what}; put quotes around it` })
    .regex(/^[^\p{Cc}]{0,255}$/u, { error: () => `expected ${what}: one line of at most 255 characters` });

export const interfaceName = (what: string) =>
  line(what).regex(/^[^\s/]{1,15}$/, { error: () => `expected ${what} of 1 to 15 characters` });

export function choice<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, {
    error: (issue) =>
      `expected ${values.join(", ")}${typeof issue.input === "string" ? `, not \`${issue.input}\`${hint(issue.input, values)}` : ""}`,
  });
}

/** A list; a single value stands for a list of one. */
export function listOf<T extends z.ZodType>(item: T, what: string) {
  return z
    .preprocess(
      (value) => (Array.isArray(value) || value === null || value === undefined ? value : [value]),
      z.array(item, { error: () => `expected a list of ${what}` }),
    )
    .meta({ singleAllowed: true });
}
