import assert from "node:assert/strict";
import { describe } from "node:test";
import { speakersOf } from "../../interop/matrix.ts";
import { type SessionPlan, untilEstablished, untilRoute } from "../../interop/peers/speaker.ts";
import { CONCURRENCY, onLink, PASSWORD, type Speakers, scenario, v4 } from "./scenario.ts";

const US = 4200000001;
const LEFT = 4200000003;
const OLD = 65002;
const RIGHT = 4200000004;

describe("a neighbour that knows only 2-octet AS numbers", { concurrency: CONCURRENCY }, () => {
  for (const old of speakersOf("twoOctetAs")) {
    scenario(
      `${old} without 4-octet ASes: AS_TRANS hides our path and AS4_PATH carries it through, both ways`,
      {
        nodes: ["left", "dut", "old", "right"],
        links: {
          net0: { left: onLink(1, 0), dut: onLink(2, 0) },
          net1: { dut: onLink(1, 1), old: onLink(2, 1) },
          net2: { old: onLink(1, 2), right: onLink(2, 2) },
        },
        kinds: { left: "frr", dut: "dut", old, right: "bird2" },
      },
      throughOld,
    );
  }
});

function session(
  name: string,
  local: string,
  remote: string,
  asn: number,
  more: Partial<SessionPlan> = {},
): SessionPlan {
  return { name, local, remote, asn, password: PASSWORD, ...more };
}

/** left (AS 4200000003) - us (4200000001) - old (65002) - right (4200000004). */
async function throughOld({ left, dut, old, right }: Speakers<"left" | "dut" | "old" | "right">): Promise<void> {
  // Of a 4-octet AS such a speaker only knows AS_TRANS.
  const trans = 23456;
  await Promise.all([
    left.start({
      routerId: v4(1, 0),
      asn: LEFT,
      sessions: [session("near", v4(1, 0), v4(2, 0), US)],
      statics: [{ prefix: "10.21.0.0/24", prepend: [4200000099] }],
    }),
    dut.start({
      routerId: v4(2, 0),
      asn: US,
      sessions: [session("left", v4(2, 0), v4(1, 0), LEFT), session("old", v4(1, 1), v4(2, 1), OLD)],
    }),
    old.start({
      routerId: v4(2, 1),
      asn: OLD,
      sessions: [
        session("near", v4(2, 1), v4(1, 1), trans, { fourOctetAs: false }),
        session("right", v4(1, 2), v4(2, 2), trans, { fourOctetAs: false }),
      ],
    }),
    right.start({
      routerId: v4(2, 2),
      asn: RIGHT,
      sessions: [session("old", v4(2, 2), v4(1, 2), OLD)],
      statics: [{ prefix: "10.22.0.0/24", prepend: [65010, 4200000098] }],
    }),
  ]);
  await untilEstablished(dut, "left", "old");
  await untilEstablished(old, "near", "right");

  const atOld = await untilRoute(old, "10.21.0.0/24");
  assert.deepEqual(
    atOld.asPath,
    [US, LEFT, 4200000099],
    "BIRD merges AS4_PATH even where it does not offer 4-octet ASes",
  );
  const atRight = await untilRoute(right, "10.21.0.0/24");
  assert.deepEqual(atRight.asPath, [OLD, US, LEFT, 4200000099], "AS4_PATH gave the numbers back");

  const path = [OLD, RIGHT, 65010, 4200000098];
  assert.deepEqual((await untilRoute(dut, "10.22.0.0/24")).asPath, path, "we merge AS4_PATH");
  assert.deepEqual((await untilRoute(left, "10.22.0.0/24")).asPath, [US, ...path]);
}
