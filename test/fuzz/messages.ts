/** The decoders of BGP messages. Whatever comes in, what we make of it can be encoded again, and is itself sound. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { writeAttributes } from "../../src/bgp/attribute-writer.ts";
import { MAX_CANONICAL_OCTETS } from "../../src/bgp/canonical.ts";
import { BgpError } from "../../src/bgp/error.ts";
import { MESSAGE } from "../../src/bgp/iana.ts";
import { decodeNotification, describeNotification, encodeNotification } from "../../src/bgp/notification.ts";
import { decodeOpen, encodeOpen, type OpenMessage } from "../../src/bgp/open.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { encodeAttributes, type PathAttributes } from "../../src/bgp/path-attributes.ts";
import { decodeRefresh, encodeRefresh } from "../../src/bgp/refresh.ts";
import { judgeOpen } from "../../src/bgp/session/negotiate.ts";
import type { SessionSettings } from "../../src/bgp/session/types.ts";
import { createUpdateScan, TREATMENT } from "../../src/bgp/update-scan.ts";
import { scanUpdate } from "../../src/bgp/update-scanner.ts";
import { pathAttributes, updateOf } from "../bgp/arbitrary.ts";
import { among, casesFor } from "../bgp/attribute-cases.ts";
import { receive } from "../bgp/receive.ts";
import { bytes, EXTERNAL, EXTERNAL_2, INTERNAL, INTERNAL_2, message, NLRI, updateBody } from "../bgp/wire.ts";
import type { FuzzTarget } from "./target.ts";

const CLASSES: readonly ParsingClass[] = [
  EXTERNAL,
  INTERNAL,
  EXTERNAL_2,
  INTERNAL_2,
  { ...EXTERNAL, allowAsSets: true, extendedNextHop: true },
  { ...INTERNAL_2, allowAsSets: true, addPathIpv4: true, addPathIpv6: true, extendedNextHop: true },
];
const HEADER = 19;

/** Behind the octet that chooses the class of the session: a message whose length is set right. */
function repairMessage(octets: number[]): void {
  while (octets.length < HEADER + 1) octets.push(0);
  octets[17] = (octets.length - 1) >>> 8;
  octets[18] = (octets.length - 1) & 0xff;
}

const scan = createUpdateScan();
const passedOn = new Uint8Array(MAX_CANONICAL_OCTETS + 64);

export const update: FuzzTarget = {
  name: "update",
  share: 200,
  form: "octets",
  spared: HEADER,
  repair: repairMessage,
  seeds() {
    const some = fc.sample(pathAttributes, { seed: 11, numRuns: 30 }).map((one) => message(2, updateOf(one)));
    const cases = CLASSES.slice(0, 4).flatMap((session, i) =>
      casesFor(session)
        .filter(({ treatment, last }) => treatment === "none" && !last)
        .map((one) => bytes([i], [...message(2, updateBody({ attributes: among(session, one), nlri: NLRI }))])),
    );
    return [...some.map((octets, i) => bytes([i % CLASSES.length], [...octets])), ...cases];
  },
  run(octets) {
    const session = CLASSES[(octets[0] ?? 0) % CLASSES.length]!;
    const last = receive(octets.subarray(1), session).at(-1);
    if (last === undefined) return "partial";
    if (last.kind === "fault") return last.code;
    if (last.kind !== "update") return last.kind;
    const { outcome, attributes, announced } = last.update;
    if (attributes !== undefined) assertPassedOn(attributes, session);
    return announced.length > 0 ? `${outcome}, announces` : outcome;
  },
};

/** What other peers are sent of it, inside and outside, with wide ASes and without: nothing that they would call malformed. */
function assertPassedOn(attributes: PathAttributes, from: ParsingClass): void {
  const canonical = encodeAttributes(attributes);
  for (const to of CLASSES.slice(0, 4)) {
    const rule = {
      external: !to.internal,
      localAs: 4_200_000_001,
      innerAs: 0,
      fourOctetAs: to.fourOctetAs,
      clusterId: to.internal ? 7 : 0,
      keepMed: true,
    };
    const hop = Uint8Array.of(10, 0, 0, 1);
    const end = writeAttributes(canonical, 0, canonical.length, rule, hop, 4, 9, 100, passedOn, 4);
    if (end > 4096 + 4) continue;
    passedOn.set([0, 0, (end - 4) >>> 8, (end - 4) & 0xff]);
    passedOn.set(NLRI, end);
    scanUpdate(passedOn, 0, end + NLRI.length, { ...to, allowAsSets: from.allowAsSets === true }, scan);
    assert.equal(
      scan.treatment,
      TREATMENT.none,
      `passed on as ${Buffer.from(passedOn.subarray(4, end)).toString("hex")}`,
    );
  }
}

/** Runs a decoder that may throw BgpError. */
function guarded(run: () => string): string {
  try {
    return run();
  } catch (error) {
    if (error instanceof BgpError) return `${error.code}/${error.subcode}`;
    throw error;
  }
}

const SETTINGS: SessionSettings = {
  localAs: 64512,
  remoteAs: 65001,
  internal: false,
  localId: 1,
  capabilities: {
    families: ["ipv4", "ipv6"],
    routeRefresh: true,
    enhancedRouteRefresh: true,
    extendedMessage: true,
    fourOctetAs: 64512,
    addPath: [],
  },
  holdMs: 90_000,
  minHoldMs: 0,
  connectRetryMs: 1,
  connectDelayMs: 1,
  delayOpenMs: 0,
  passive: false,
  idleHold: { minMs: 1, maxMs: 1 },
  sendHoldMs: 0,
};

const OPEN: OpenMessage = {
  version: 4,
  asn: 65001,
  holdSeconds: 90,
  identifier: 0x0a000001,
  capabilities: {
    families: ["ipv4", "ipv6"],
    routeRefresh: true,
    enhancedRouteRefresh: true,
    extendedMessage: true,
    fourOctetAs: 65001,
    gracefulRestart: {
      restarting: true,
      notification: true,
      timeSeconds: 120,
      families: [{ family: "ipv4", forwarding: true }],
    },
    longLived: { families: [{ family: "ipv6", forwarding: true, timeSeconds: 86_400 }] },
    addPath: [{ family: "ipv4", mode: "both" }],
    hostname: "host",
    softwareVersion: "version 1",
  },
};

const withoutRaw = ({ capabilities: { raw: _, ...rest }, ...open }: OpenMessage) => ({ ...open, capabilities: rest });

export const open: FuzzTarget = {
  name: "open",
  share: 150,
  form: "octets",
  seeds() {
    const body = encodeOpen(OPEN).subarray(HEADER);
    const fixed = [...body.subarray(0, 9)];
    const list = [...body.subarray(12)];
    const each: number[] = [];
    for (let at = 0; at < list.length; at += 2 + list[at + 1]!)
      each.push(2, 2 + list[at + 1]!, ...list.slice(at, at + 2 + list[at + 1]!));
    const extended = [255, 255, 0, list.length + 3, 2, 0, list.length, ...list];
    const rare = [9, 1, 3, 71, 7, 0, 1, 1, 0x80, 0, 1, 0, 76, 5, 0, 1, 1, 0, 9, 5, 6, 0, 1, 0, 1, 0, 2, 128, 0];
    return [
      body,
      bytes(fixed, [0]),
      bytes(fixed, [each.length], each),
      bytes(fixed, extended),
      bytes(fixed, [rare.length + 2, 2, rare.length], rare),
    ];
  },
  run: (octets) =>
    guarded(() => {
      const decoded = decodeOpen(octets, 0, octets.length);
      const again = encodeOpen(decoded);
      // Families that are not ours are not written.
      if (again.length <= 4096 && decoded.capabilities.families?.length !== 0)
        assert.deepEqual(withoutRaw(decodeOpen(again, HEADER, again.length)), withoutRaw(decoded));
      const verdict = judgeOpen(SETTINGS, decoded, false);
      if (!verdict.accepted) {
        assert.equal(verdict.notification.code, 2);
        return `refused 2/${verdict.notification.subcode}`;
      }
      const { ipv4, ipv6, holdMs } = verdict.negotiated;
      assert.ok(holdMs === 0 || (holdMs >= 3000 && holdMs <= SETTINGS.holdMs));
      return `accepted, ${[ipv4 ? "IPv4" : "", ipv6 ? "IPv6" : ""].join("") || "no family"}`;
    }),
};

export const notification: FuzzTarget = {
  name: "notification",
  share: 70,
  form: "octets",
  seeds: () => [
    bytes([6, 2, 3, 0x62, 0x79, 0x65]),
    bytes([6, 9, 6, 2, 3, 0x62, 0x79, 0x65]),
    bytes([6, 9, 6, 9, 6, 9, 6, 2]),
    bytes([6, 1, 0, 1, 1, 0, 0, 0, 9]),
    bytes([6, 4, 6, 0xe2, 0x82, 0xac, 0x1b, 0x5b, 0x41]),
    bytes([3, 5, 0x40, 1, 2, 0, 0]),
    bytes([2, 1, 0, 4]),
    bytes([5, 3, 1]),
  ],
  run(octets) {
    if (octets.length < 2) return "too short";
    const decoded = decodeNotification(octets, 0, octets.length);
    const words = describeNotification(decoded);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    assert.ok(words.length < 1100 && !/[\u0000-\u001f\u007f-\u009f]/.test(words), words);
    const again = encodeNotification(decoded);
    if (octets.length <= 4096 - HEADER) assert.deepEqual(again.subarray(HEADER), octets);
    return words.includes('"') ? "a text" : words.includes("data ") ? "data" : "words";
  },
};

export const refresh: FuzzTarget = {
  name: "refresh",
  share: 30,
  form: "octets",
  seeds: () => [bytes([0, 1, 0, 1]), bytes([0, 2, 1, 1]), bytes([0, 1, 2, 1]), bytes([0, 1, 0, 1, 2, 64, 0, 0])],
  run: (octets) =>
    guarded(() => {
      if (octets.length < 4) return "too short";
      const decoded = decodeRefresh(octets, 0, octets.length);
      assert.deepEqual(encodeRefresh(decoded).subarray(HEADER), octets.subarray(0, 4));
      return ["request", "begin", "end"][decoded.subtype] ?? "other";
    }),
};

/** Any message as it is cut from the stream and told apart. */
export const stream: FuzzTarget = {
  name: "stream",
  share: 40,
  form: "octets",
  seeds: () => {
    const some = [
      message(4, bytes()),
      message(2, updateBody({ nlri: NLRI })),
      encodeOpen(OPEN),
      message(5, bytes([0, 1, 0, 1])),
    ];
    return some.flatMap((one) =>
      some.map((other) => bytes([...one], [...other], [...message(MESSAGE.keepalive.code, bytes())])),
    );
  },
  run(octets) {
    const all = receive(octets, EXTERNAL);
    const last = all.at(-1);
    return `${all.length > 3 ? "many" : all.length}, ${last === undefined ? "partial" : last.kind === "fault" ? last.code : last.kind}`;
  },
};
