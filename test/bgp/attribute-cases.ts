/**
 * Every path attribute × every fault × every kind of session, and what RFC 7606 (with each attribute's own RFC) makes of
 * it. The rules are written from the RFCs, not from the code: flags, lengths, values, an attribute twice, one cut off.
 */
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { attribute, EXTERNAL, EXTERNAL_2, INTERNAL, INTERNAL_2, u16, u32 } from "./wire.ts";

export const SESSIONS: readonly (readonly [name: string, session: ParsingClass])[] = [
  ["an external peer", EXTERNAL],
  ["an internal peer", INTERNAL],
  ["an external two-octet peer", EXTERNAL_2],
  ["an internal two-octet peer", INTERNAL_2],
];

export type Treatment = "none" | "discard" | "withdraw" | "reset";

export interface Case {
  /** Attribute and fault. */
  readonly claim: string;
  readonly type: number;
  /** One or more raw attributes that take the place of the sound one of that type. */
  readonly raw: readonly (readonly number[])[];
  readonly treatment: Treatment;
  /** Of UPDATE message error. */
  readonly subcode?: number;
  /** Nothing may stand behind it: the attribute field ends within it. */
  readonly last?: true;
  /** Value that another external peer with four-octet ASes hears, hexadecimal; undefined when it hears none. */
  readonly heard?: string;
  /** Partial is set on what it hears. */
  readonly partial?: boolean;
}

interface Rule {
  readonly type: number;
  readonly name: string;
  readonly flags: number;
  readonly good: number[];
  /** Treatment and subcode by length, by value, and of wrong flags. Undefined: no length, or no value, is wrong. */
  readonly isLegal?: (length: number) => boolean;
  readonly wrongLength?: readonly [Treatment, number];
  readonly wrongFlags?: readonly [Treatment, number];
  readonly values?: readonly (readonly [what: string, value: number[], treatment: Treatment, subcode?: number])[];
  /** What is made of it before anything else is looked at. */
  readonly always?: readonly [Treatment, number?];
  /** What another peer hears of a sound one. */
  readonly passed?: "same" | "partial" | "wide" /* the AS in four octets */;
}

const DISCARD = "discard";
const WITHDRAW = "withdraw";
const RESET = "reset";
const zeros = (count: number) => new Array<number>(count).fill(0);
const TRANSITIVE_8 = [0x00, 0x02, ...zeros(6)];
const TRANSITIVE_20 = [0x00, 0x02, ...zeros(18)];
const GLOBAL = [0x20, 1, 0x0d, 0xb8, ...zeros(11), 1];
const NLRI6 = [48, 0x20, 1, 0x0d, 0xb8, 0, 0x90];
const upTo = (most: number) => Array.from({ length: most + 1 }, (_, length) => length);

/** The table of bgp-4's attributes for one kind of session. */
function rules({ internal, fourOctetAs }: ParsingClass): Rule[] {
  const as = fourOctetAs ? u32 : u16;
  const segment = (kind: number, ...asns: number[]) => [kind, asns.length, ...asns.flatMap(as)];
  const wide = (kind: number, ...asns: number[]) => [kind, asns.length, ...asns.flatMap(u32)];
  const insideOnly: Partial<Rule> = internal ? {} : { always: [DISCARD, 9] };
  const narrowOnly: Partial<Rule> = fourOctetAs ? { always: [DISCARD, 9] } : {};
  const multiple = (unit: number) => (length: number) => length > 0 && length % unit === 0;
  const exactly = (octets: number) => (length: number) => length === octets;
  const pathFaults = (
    of: (kind: number, ...asns: number[]) => number[],
    bad: readonly [Treatment, number],
    set: readonly [Treatment, number],
  ): Rule["values"] => [
    ["segment type 0", of(0, 7), ...bad],
    ["segment type 5", of(5, 7), ...bad],
    ["a segment of no AS", [2, 0], ...bad],
    ["a segment that overruns it", of(2, 7, 8).with(1, 3), ...bad],
    ["one octet behind the last segment", [...of(2, 7), 2], ...bad],
    ["half an AS too much", [...of(2, 7), ...zeros(fourOctetAs ? 2 : 1)], ...bad],
    ["AS 0 (RFC 7607)", of(2, 7, 0), ...bad],
    ["AS 0 in the last segment", [...of(2, 7), ...of(2, 8, 0)], ...bad],
    ["an AS_SET (RFC 9774)", [...of(2, 7), ...of(1, 8, 9)], ...set],
  ];
  return [
    {
      type: 1,
      name: "ORIGIN",
      flags: 0x40,
      good: [0],
      isLegal: exactly(1),
      wrongLength: [WITHDRAW, 5],
      values: [
        ["1", [1], "none"],
        ["2", [2], "none"],
        ["3", [3], WITHDRAW, 6],
        ["255", [255], WITHDRAW, 6],
      ],
      passed: "same",
    },
    {
      type: 2,
      name: "AS_PATH",
      flags: 0x40,
      good: segment(2, 65001, 65003),
      values: [
        ...pathFaults(segment, [WITHDRAW, 11], [WITHDRAW, 11])!,
        ["a confederation sequence", [...segment(3, 7), ...segment(2, 8)], WITHDRAW, 11],
        ["a confederation set", segment(4, 7), WITHDRAW, 11],
      ],
    },
    { type: 3, name: "NEXT_HOP", flags: 0x40, good: [10, 0, 0, 11], isLegal: exactly(4), wrongLength: [WITHDRAW, 5] },
    { type: 4, name: "MED", flags: 0x80, good: u32(5), isLegal: exactly(4), wrongLength: [WITHDRAW, 5] },
    {
      type: 5,
      name: "LOCAL_PREF",
      flags: 0x40,
      good: u32(100),
      isLegal: exactly(4),
      wrongLength: [WITHDRAW, 5],
      ...insideOnly,
    },
    {
      type: 6,
      name: "ATOMIC_AGGREGATE",
      flags: 0x40,
      good: [],
      isLegal: exactly(0),
      wrongLength: [DISCARD, 5],
      passed: "same",
    },
    {
      type: 7,
      name: "AGGREGATOR",
      flags: 0xc0,
      good: [...as(65001), 10, 9, 9, 9],
      isLegal: exactly(fourOctetAs ? 8 : 6),
      wrongLength: [DISCARD, 5],
      values: [["AS 0 (RFC 7607)", [...as(0), 10, 9, 9, 9], DISCARD, 9]],
      passed: "wide",
    },
    {
      type: 8,
      name: "COMMUNITIES",
      flags: 0xc0,
      good: [...u32(0x00070007), ...u32(0x00070008)],
      isLegal: multiple(4),
      wrongLength: [WITHDRAW, 9],
      passed: "same",
    },
    {
      type: 9,
      name: "ORIGINATOR_ID",
      flags: 0x80,
      good: u32(0x0a000063),
      isLegal: exactly(4),
      wrongLength: [WITHDRAW, 5],
      ...insideOnly,
    },
    {
      type: 10,
      name: "CLUSTER_LIST",
      flags: 0x80,
      good: [...u32(0x0a000063), ...u32(0x0a000064)],
      isLegal: multiple(4),
      wrongLength: [WITHDRAW, 5],
      ...insideOnly,
    },
    {
      type: 16,
      name: "EXTENDED COMMUNITIES",
      flags: 0xc0,
      good: TRANSITIVE_8,
      isLegal: multiple(8),
      wrongLength: [WITHDRAW, 9],
      passed: "same",
    },
    {
      type: 17,
      name: "AS4_PATH",
      flags: 0xc0,
      good: wide(2, 65003),
      wrongFlags: [DISCARD, 4],
      values: [
        ...pathFaults(wide, [DISCARD, 9], [WITHDRAW, 11])!,
        ["a confederation set (RFC 9774)", wide(4, 7), WITHDRAW, 11],
        ["a confederation sequence", wide(3, 7), "none"],
        ["no segment", [], "none"],
      ],
      ...narrowOnly,
    },
    {
      type: 18,
      name: "AS4_AGGREGATOR",
      flags: 0xc0,
      good: [...u32(70000), 10, 9, 9, 9],
      isLegal: exactly(8),
      wrongLength: [DISCARD, 9],
      wrongFlags: [DISCARD, 4],
      values: [["AS 0 (RFC 7607)", [...u32(0), 10, 9, 9, 9], DISCARD, 9]],
      ...narrowOnly,
    },
    { type: 22, name: "PMSI_TUNNEL", flags: 0xc0, good: [0, 6, ...zeros(3), 1, 2, 3, 4], passed: "partial" },
    { type: 23, name: "TUNNEL_ENCAPSULATION", flags: 0xc0, good: [0, 8, 0, 0], passed: "partial" },
    {
      type: 25,
      name: "IPv6 EXTENDED COMMUNITIES",
      flags: 0xc0,
      good: TRANSITIVE_20,
      isLegal: multiple(20),
      wrongLength: [WITHDRAW, 9],
      passed: "same",
    },
    // Not in use here, hence as if unknown and not transitive, whatever stands in them (RFC 7311 §3.3).
    { type: 26, name: "AIGP", flags: 0x80, good: [1, 0, 11, ...zeros(8)], always: ["none"] },
    { type: 29, name: "BGP-LS", flags: 0x80, good: [4, 0, 0, 0], always: ["none"] },
    {
      type: 32,
      name: "LARGE_COMMUNITY",
      flags: 0xc0,
      good: [...u32(7), ...u32(8), ...u32(9)],
      isLegal: multiple(12),
      wrongLength: [WITHDRAW, 9],
      passed: "same",
    },
    { type: 33, name: "BGPsec_Path", flags: 0x80, good: [0, 8, 1, 1, 0, 0, 0, 7], always: ["none"] },
    {
      type: 35,
      name: "ONLY_TO_CUSTOMER",
      flags: 0xc0,
      good: u32(65009),
      isLegal: exactly(4),
      wrongLength: [WITHDRAW, 9],
      passed: "same",
    },
    {
      type: 40,
      name: "BGP Prefix-SID",
      flags: 0xc0,
      good: [1, 0, 7, 0, 0, 0, 0, 0, 0, 9],
      wrongFlags: [DISCARD, 4],
      values: [
        ["a TLV that overruns it", [1, 0, 8, 0, 0, 0, 0, 0, 0, 9], DISCARD, 9],
        ["a TLV without its length", [1, 0], DISCARD, 9],
        ["a TLV of no octets", [9, 0, 0], "none"],
      ],
      passed: "partial",
    },
    { type: 128, name: "ATTR_SET", flags: 0xc0, good: [...u32(65001), 0x40, 1, 1, 0], passed: "partial" },
    { type: 99, name: "an unknown optional transitive attribute", flags: 0xc0, good: [7], passed: "partial" },
  ];
}

/** `flags` without extended length, which attribute() takes from it. */
const of = (flags: number, { type }: Rule, value: readonly number[]) => attribute(flags, type, value);
const bit = { optional: 0x80, transitive: 0x40, partial: 0x20 } as const;

function casesOf(rule: Rule): Case[] {
  const { type, name, flags, good, always, wrongLength, values = [] } = rule;
  const out: Case[] = [];
  const sound = (value: readonly number[]): { heard?: string; partial?: boolean } => {
    if (!rule.passed) return {};
    const octets = rule.passed === "wide" ? [...zeros(8 - value.length), ...value] : value;
    return { heard: Buffer.from(octets).toString("hex"), partial: rule.passed === "partial" };
  };
  const add = (
    what: string,
    raw: Case["raw"],
    [treatment, subcode]: readonly [Treatment, (number | undefined)?],
  ): void => {
    out.push({ claim: `${name}: ${what}`, type, raw, treatment, ...(subcode === undefined ? {} : { subcode }) });
  };
  const addSound = (what: string, flag: number, value: readonly number[], partial = false): void => {
    const raw = [of(flag, rule, value)];
    const passed = sound(value);
    const claim = `${name}: ${what}`;
    if (always) add(what, raw, always);
    else if (!partial || passed.heard === undefined) out.push({ claim, type, raw, treatment: "none", ...passed });
    else out.push({ claim, type, raw, treatment: "none", ...passed, partial });
  };

  addSound("as it should be", flags, good);
  addSound("with the low bits of its flags set", flags | 0x0f, good);
  addSound("with an extended length", flags | 0x10, good);
  if (flags === 0xc0) addSound("with Partial", flags | bit.partial, good, true);

  const unknown = type === 99;
  const wrongFlags = rule.wrongFlags ?? always ?? ([WITHDRAW, 4] as const);
  for (const [flag, mask] of Object.entries(bit)) {
    if (mask === bit.partial && flags === 0xc0) continue;
    if (unknown) continue;
    add(
      `with the ${flag} flag ${(flags & mask) === 0 ? "set" : "cleared"}`,
      [of(flags ^ mask, rule, good)],
      wrongFlags,
    );
  }
  if (flags !== 0xc0 || !unknown)
    add("with every flag wrong", [of((flags ^ 0xc0) | bit.partial, rule, good)], wrongFlags);

  if (wrongLength)
    for (const length of upTo(good.length + 5)) {
      if (rule.isLegal!(length)) continue;
      const value = [...good, ...good, ...zeros(5)].slice(0, length);
      add(`of ${length} octets`, [of(flags, rule, value)], always ?? wrongLength);
    }
  for (const [what, value, treatment, subcode] of values) {
    if (treatment === "none") addSound(`with ${what}`, flags, value);
    else add(`with ${what}`, [of(flags, rule, value)], always ?? [treatment, subcode]);
  }

  const twice = (what: string, second: readonly number[]) =>
    out.push({
      claim: `${name}: ${what}`,
      type,
      raw: [of(flags, rule, good), second],
      treatment: DISCARD,
      subcode: always?.[1] ?? 1,
      ...(always ? {} : sound(good)),
    });
  twice("twice", of(flags, rule, good));
  twice("twice, wrong the second time", of(flags ^ 0x40, rule, [...good, 0]));

  const whole = of(flags, rule, good);
  for (let octets = 1; octets < whole.length; octets++)
    out.push({ ...cut(`${name}: cut off after ${octets} octets`, whole.slice(0, octets)), type });
  const long = of(flags | 0x10, rule, good);
  out.push({ ...cut(`${name}: an extended length cut off`, long.slice(0, 3)), type });
  return out;
}

const cut = (claim: string, raw: number[]): Omit<Case, "type"> => ({
  claim,
  raw: [raw],
  treatment: WITHDRAW,
  subcode: 1,
  last: true,
});

/** MP_REACH_NLRI and MP_UNREACH_NLRI: what they say of prefixes must be read whole, or the session ends. */
function multiprotocolCases(): Case[] {
  const reach = (...value: number[][]) => attribute(0x80, 14, ...value);
  const good = [0, 2, 1, 16, ...GLOBAL, 0, ...NLRI6];
  const out: Case[] = [];
  const add = (type: number, claim: string, raw: number[][], treatment: Treatment, subcode?: number, last = false) =>
    out.push({
      claim,
      type,
      raw,
      treatment,
      ...(subcode === undefined ? {} : { subcode }),
      ...(last ? { last: true as const } : {}),
    });
  const goodUnreach = [0, 2, 1, ...NLRI6];
  for (const [type, name, value] of [
    [14, "MP_REACH_NLRI", good],
    [15, "MP_UNREACH_NLRI", goodUnreach],
  ] as const) {
    const whole = attribute(0x80, type, value);
    add(type, `${name}: as it should be`, [whole], "none");
    add(type, `${name}: with an extended length`, [attribute(0x90, type, value)], "none");
    for (const [flag, mask] of Object.entries(bit))
      add(type, `${name}: with the ${flag} flag wrong`, [attribute(0x80 ^ mask, type, value)], WITHDRAW, 4);
    add(type, `${name}: twice`, [whole, whole], RESET, 1);
    for (let octets = 1; octets < whole.length; octets++)
      // After one octet nothing says which attribute it was.
      add(
        type,
        `${name}: cut off after ${octets} octets`,
        [whole.slice(0, octets)],
        octets < 2 ? WITHDRAW : RESET,
        1,
        true,
      );
    for (let octets = 0; octets < value.length; octets++) {
      // Cut where a prefix ends it is whole: nothing but no prefixes.
      if (octets === value.length - NLRI6.length) continue;
      add(type, `${name}: of ${octets} octets`, [attribute(0x80, type, value.slice(0, octets))], RESET, 9);
    }
    add(
      type,
      `${name}: with a prefix of 129 bits`,
      [attribute(0x80, type, value.with(value.length - 7, 129), zeros(11))],
      RESET,
      9,
    );
    add(
      type,
      `${name}: of a family that we do not read`,
      [attribute(0x80, type, [0, 25, 70, ...value.slice(3)])],
      "none",
    );
  }
  for (let octets = 0; octets <= 255; octets++) {
    if (octets === 16 || octets === 32) continue;
    add(
      14,
      `MP_REACH_NLRI: a next hop of ${octets} octets`,
      [
        reach([0, 2, 1, octets], zeros(octets + 1), NLRI6).length > 258
          ? attribute(0x90, 14, [0, 2, 1, octets], zeros(octets + 1), NLRI6)
          : reach([0, 2, 1, octets], zeros(octets + 1), NLRI6),
      ],
      RESET,
      9,
    );
  }
  add(
    14,
    "MP_REACH_NLRI: two next hops",
    [reach([0, 2, 1, 32], GLOBAL, GLOBAL.with(0, 0xfe).with(1, 0x80), [0], NLRI6)],
    "none",
  );
  add(
    14,
    "MP_REACH_NLRI: an IPv6 next hop for IPv4 that was not agreed on",
    [reach([0, 1, 1, 16], GLOBAL, [0, 24, 10, 1, 2])],
    RESET,
    9,
  );
  return out;
}

/** What no registry row covers. */
const OTHERS: readonly Case[] = [
  {
    claim: "an unknown optional attribute that is not transitive",
    type: 98,
    raw: [attribute(0x80, 98, [8])],
    treatment: "none",
  },
  { claim: "the same with Partial", type: 98, raw: [attribute(0xa0, 98, [8])], treatment: "none" },
  {
    claim: "an unknown well-known attribute",
    type: 98,
    raw: [attribute(0x40, 98, [8])],
    treatment: WITHDRAW,
    subcode: 2,
  },
  {
    claim: "an unknown attribute without any flag",
    type: 98,
    raw: [attribute(0, 98, [8])],
    treatment: WITHDRAW,
    subcode: 2,
  },
  { claim: "attribute type 0", type: 0, raw: [attribute(0xc0, 0, [8])], treatment: DISCARD, subcode: 1 },
  {
    claim: "attribute type 255",
    type: 255,
    raw: [attribute(0xc0, 255, [8])],
    treatment: "none",
    heard: "08",
    partial: true,
  },
];

/** Every case of one kind of session. */
export function casesFor(session: ParsingClass): Case[] {
  return [...rules(session).flatMap(casesOf), ...multiprotocolCases(), ...OTHERS];
}

/** One case for each attribute and treatment, to be combined with those of other attributes. */
export function representatives(session: ParsingClass): Case[] {
  const seen = new Set<string>();
  return casesFor(session).filter(({ type, treatment, last, raw }) => {
    const key = `${type} ${treatment}`;
    if (treatment === "none" || last || raw.length > 1 || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The attributes that a sound UPDATE from such a peer has, by type. */
export function soundAttributes({ internal, fourOctetAs }: ParsingClass): number[][] {
  const path = fourOctetAs ? [2, 1, ...u32(65001)] : [2, 1, ...u16(65001)];
  const common = [attribute(0x40, 1, [0]), attribute(0x40, 2, path), attribute(0x40, 3, [10, 0, 0, 11])];
  return internal ? [...common, attribute(0x40, 5, u32(100))] : common;
}

/** The sound attributes but those that the cases replace, then the cases'. */
export function among(session: ParsingClass, ...cases: readonly Case[]): (readonly number[])[] {
  const kept = soundAttributes(session).filter((sound) => !cases.some(({ type }) => type === sound[1]));
  return [...kept, ...cases.flatMap(({ raw }) => raw)];
}

/** The cases by the words before the colon of their claims. */
export function byAttribute(cases: readonly Case[]): Map<string, Case[]> {
  const out = new Map<string, Case[]>();
  for (const one of cases) {
    const name = one.claim.split(":")[0]!;
    out.set(name, [...(out.get(name) ?? []), one]);
  }
  return out;
}
