import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createFramer } from "../../src/bgp/framer.ts";
import { encodeOpen } from "../../src/bgp/open.ts";
import { createUpdateScan } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import { pathAttributes, updateOf } from "./arbitrary.ts";
import { mutate } from "./mutate.ts";
import { receive } from "./receive.ts";
import {
  AS_PATH,
  AS_PATH_2,
  attribute,
  bytes,
  EXTERNAL,
  EXTERNAL_2,
  INTERNAL,
  INTERNAL_2,
  LOCAL_PREF,
  MP_REACH,
  MP_UNREACH,
  message,
  NEXT_HOP,
  NLRI,
  ORIGIN,
  u16,
  u32,
  updateBody,
} from "./wire.ts";

const SESSIONS = [
  EXTERNAL,
  { ...INTERNAL, allowAsSets: true },
  EXTERNAL_2,
  { ...INTERNAL_2, addPathIpv4: true, addPathIpv6: true, extendedNextHop: true },
];

const generated = fc.sample(pathAttributes, { seed: 11, numRuns: 30 }).map((some) => message(2, updateOf(some)));
const narrow = [
  AS_PATH_2,
  attribute(0xc0, 7, u16(23456), u32(1)),
  attribute(0xc0, 17, [2, 1], u32(70000)),
  attribute(0xc0, 18, u32(70000), u32(1)),
];
const SEEDS: readonly Uint8Array[] = [
  ...generated,
  message(
    2,
    updateBody({
      withdrawn: NLRI,
      attributes: [MP_REACH, ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, MP_UNREACH],
      nlri: NLRI,
    }),
  ),
  message(2, updateBody({ attributes: [ORIGIN, ...narrow, NEXT_HOP], nlri: NLRI })),
  message(3, bytes([6, 2, 3, 0x62, 0x79, 0x65])),
  message(5, bytes([0, 1, 0, 1])),
  message(4, bytes()),
  encodeOpen({
    version: 4,
    asn: 64512,
    holdSeconds: 90,
    identifier: 1,
    capabilities: {
      families: ["ipv4", "ipv6"],
      routeRefresh: true,
      enhancedRouteRefresh: true,
      extendedMessage: true,
      fourOctetAs: 64512,
      gracefulRestart: {
        restarting: true,
        notification: true,
        timeSeconds: 120,
        families: [{ family: "ipv4", forwarding: true }],
      },
      addPath: [{ family: "ipv4", mode: "both" }],
      hostname: "host",
      softwareVersion: "version",
    },
  }),
];

describe("fuzz", () => {
  test("20,000 mutated messages end in an outcome, never in another exception", () => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= 20_000; seed++) {
      const octets = mutate(seed, SEEDS[seed % SEEDS.length]!);
      const session = SESSIONS[(seed >> 4) % SESSIONS.length]!;
      try {
        const last = receive(octets, session).at(-1);
        const name =
          last?.kind === "fault"
            ? last.code
            : last?.kind === "update"
              ? last.update.outcome
              : (last?.kind ?? "partial");
        outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
      } catch (error) {
        throw new Error(`seed ${seed}: ${Buffer.from(octets).toString("hex")}`, { cause: error });
      }
    }
    // The mutations reach far enough in for every kind of outcome.
    for (const name of ["none", "discard", "withdraw", "1/2", "1/3", "2/0", "3/1", "3/9", "3/10"])
      assert.ok((outcomes.get(name) ?? 0) > 10, `${name}: ${JSON.stringify([...outcomes])}`);
  });

  test("the outcome does not depend on what lies around the message", () => {
    const scan = createUpdateScan();
    const other = createUpdateScan();
    for (let seed = 1; seed <= 4000; seed++) {
      const octets = mutate(seed, SEEDS[seed % generated.length]!);
      const session = SESSIONS[seed % SESSIONS.length]!;
      const around = new Uint8Array(octets.length + 300).fill(0xff);
      around.set(octets, 100);
      scanUpdate(octets, 19, octets.length, session, scan);
      scanUpdate(around, 119, 100 + octets.length, session, other);
      const facts = (s: typeof scan) => [
        s.treatment,
        s.errorSubcode,
        s.faultType,
        s.asPathLength,
        s.neighborAs,
        s.keptCount,
        s.clean,
      ];
      assert.deepEqual(facts(other), facts(scan), `seed ${seed}`);
    }
  });

  test("any octets are framed and scanned without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...SESSIONS), (octets, session) => {
        receive(octets, session);
        receive(message(2, octets), session);
        receive(message(1, octets), session);
      }),
      { seed: 5, numRuns: 3000 },
    );
  });

  test("a framer fed mutated streams by pieces sees what one fed at once sees", () => {
    for (let seed = 1; seed <= 500; seed++) {
      const stream = bytes(...[1, 2, 3].map((n) => [...mutate(seed * 7 + n, SEEDS[(seed + n) % SEEDS.length]!)]));
      const drain = (size: number) => {
        const framer = createFramer();
        const out: string[] = [];
        for (let at = 0; at < stream.length; at += size) {
          framer.push(stream.subarray(at, at + size), 4096);
          while (framer.next()) out.push(`${framer.type}:${framer.bodyEnd - framer.bodyAt}`);
        }
        return [...out, framer.fault?.subcode];
      };
      assert.deepEqual(drain(1 + (seed % 50)), drain(stream.length), `seed ${seed}`);
    }
  });
});
