/** Inputs made from others by changes that depend on a seed alone. */
import { changeOnce, KINDS } from "../bgp/mutate.ts";
import { seeded } from "../sim/clock.ts";
import type { FuzzTarget } from "./target.ts";
import { octetsOfText, textOf } from "./target.ts";

const WORDS = [
  ..."- : , { } [ ] # & * ! | > ' \" % @ ` ~ ? \n".split(" "),
  ...["0", "-1", "1.5", "65536", "4294967296", "1e400", "0x1f", "true", "null", "__proto__", "<<", "&a", "*a"],
  ...["10.0.0.0/33", "::/129", "1.2.3", "fe80::1%eth0", "7d", "64512.1", "no-export", "\u0000", "\ud800", "  "],
] as const;

/** One to four changes of one of the seeds. */
export function changed(target: FuzzTarget, seeds: readonly Uint8Array[], seed: number): Uint8Array {
  const random = seeded(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  const start = seeds[below(seeds.length)]!;
  const other = seeds[below(seeds.length)]!;
  return target.form === "text" ? changedText(start, other, below) : changedOctets(target, start, other, below);
}

type Below = (bound: number) => number;

function changedOctets(target: FuzzTarget, start: Uint8Array, other: Uint8Array, below: Below): Uint8Array {
  const { spared = 0, repair } = target;
  let octets = [...start];
  for (let changes = 1 + below(4); changes > 0; changes--) {
    if (octets.length <= spared) octets.push(below(256));
    const at = spared + below(octets.length - spared);
    const count = 1 + below(Math.min(16, octets.length - at));
    const kind = below(KINDS + 1);
    if (kind < KINDS) octets = changeOnce(octets, kind, at, count, below);
    else {
      const from = below(other.length);
      octets.splice(at, 0, ...other.slice(from, from + count));
    }
  }
  octets = octets.slice(0, 4097);
  if (below(10) !== 0) repair?.(octets);
  return Uint8Array.from(octets);
}

function changedText(start: Uint8Array, other: Uint8Array, below: Below): Uint8Array {
  const split = (octets: Uint8Array) =>
    textOf(octets)
      .split(/([A-Za-z]+|\d+|\n\s*|[^\w\s])/)
      .filter((word) => word !== "");
  const words = split(start);
  const others = split(other);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(words.length + 1);
    const count = 1 + below(8);
    switch (below(6)) {
      case 0:
        words.splice(at, 1, WORDS[below(WORDS.length)]!);
        break;
      case 1:
        words.splice(at, count);
        break;
      case 2:
        words.splice(at, 0, ...words.slice(at, at + count));
        break;
      case 3: {
        const from = below(others.length);
        words.splice(at, 0, ...others.slice(from, from + count));
        break;
      }
      case 4: {
        const from = below(words.length + 1);
        words.splice(at, 1, words[from] ?? "");
        break;
      }
      case 5:
        words.splice(at, 0, String.fromCharCode(below(0x250)));
    }
  }
  return octetsOfText(words.join("").slice(0, 20_000));
}
