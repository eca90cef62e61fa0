import assert from "node:assert/strict";
import test from "node:test";
import type { Capabilities, OpenMessage } from "../../../src/bgp/open.ts";
import { judgeOpen, openFor } from "../../../src/bgp/session/negotiate.ts";
import type { Negotiated, SessionSettings } from "../../../src/bgp/session/types.ts";
import { CAPABILITIES, PEER_OPEN, SETTINGS } from "./fixtures.ts";

const { families: _, fourOctetAs: __, ...PLAIN } = PEER_OPEN.capabilities;
const INTERNAL: SessionSettings = { ...SETTINGS, remoteAs: 64512, internal: true };
const theirs = (change: Partial<OpenMessage>, capabilities: Capabilities = PEER_OPEN.capabilities): OpenMessage => ({
  ...PEER_OPEN,
  capabilities,
  ...change,
});

const REFUSED: readonly (readonly [string, OpenMessage, string, Partial<SessionSettings>?])[] = [
  ["RFC 4271 §6.2: another version", theirs({ version: 3 }), "2/1 0.4"],
  ["§6.2: version before all else", theirs({ version: 5, holdSeconds: 1, identifier: 0, asn: 0 }), "2/1 0.4"],
  ["§6.2: hold time 1", theirs({ holdSeconds: 1 }), "2/6 0.1"],
  ["§6.2: hold time 2, before the identifier", theirs({ holdSeconds: 2, identifier: 0 }), "2/6 0.2"],
  ["§6.2: hold time below our minimum", theirs({ holdSeconds: 300 }), "2/6 1.44", { minHoldMs: 301_000 }],
  ["§6.2: no hold time where we have a minimum", theirs({ holdSeconds: 0 }), "2/6 0.0", { minHoldMs: 3000 }],
  ["RFC 6286 §2.2: identifier 0, before the AS", theirs({ identifier: 0 }, PLAIN), "2/3 "],
  ["RFC 6286 §2.2: our own identifier inside the AS", theirs({ identifier: SETTINGS.localId }), "2/3 ", INTERNAL],
  ["RFC 7607: AS 0", theirs({ asn: 0 }, PLAIN), "2/2 0.0"],
  ["RFC 7607: AS 0 in the capability", theirs({}, { ...PLAIN, fourOctetAs: 0 }), "2/2 0.0.0.0"],
  ["§6.2: another AS", theirs({ asn: 64514 }, PLAIN), "2/2 252.2"],
  ["RFC 6793: another AS in the capability", theirs({}, { ...PLAIN, fourOctetAs: 4_200_000_000 }), "2/2 250.86.234.0"],
  ["RFC 6793: AS_TRANS without the capability", theirs({ asn: 23456 }, PLAIN), "2/2 91.160", { remoteAs: 70_000 }],
];
for (const [name, message, expected, change] of REFUSED)
  test(`${name} is refused with ${expected.split(" ")[0]}`, () => {
    const verdict = judgeOpen({ ...SETTINGS, ...change }, message, false);
    assert.ok(!verdict.accepted);
    const { code, subcode, data } = verdict.notification;
    assert.equal(`${code}/${subcode} ${[...data].join(".")}`, expected);
  });

function agreed(message: OpenMessage, change: Partial<SessionSettings> = {}, bare = false): Negotiated {
  const verdict = judgeOpen({ ...SETTINGS, ...change }, message, bare);
  assert.ok(verdict.accepted, verdict.accepted ? "" : verdict.why);
  return verdict.negotiated;
}

const AGREED: readonly (readonly [string, Partial<Negotiated>, Negotiated])[] = [
  ["the smaller hold time counts: theirs", { holdMs: 30_000, keepaliveMs: 10_000 }, agreed(PEER_OPEN)],
  ["the smaller hold time counts: ours", { holdMs: 90_000 }, agreed(theirs({ holdSeconds: 240 }))],
  [
    "hold time 0 turns hold, keepalive and send hold off: theirs",
    { holdMs: 0, keepaliveMs: 0, sendHoldMs: 0 },
    agreed(theirs({ holdSeconds: 0 }), { keepaliveMs: 5000 }),
  ],
  ["hold time 0 turns all off: ours", { holdMs: 0, keepaliveMs: 0, sendHoldMs: 0 }, agreed(PEER_OPEN, { holdMs: 0 })],
  [
    "a configured keepalive is scaled with the hold time",
    { keepaliveMs: 5000 },
    agreed(PEER_OPEN, { keepaliveMs: 15_000 }),
  ],
  [
    "§4.4: not more than one KEEPALIVE a second",
    { keepaliveMs: 1000 },
    agreed(theirs({ holdSeconds: 3 }), { keepaliveMs: 3000 }),
  ],
  [
    "a keepalive as long as the hold time is a third of it",
    { keepaliveMs: 10_000 },
    agreed(PEER_OPEN, { keepaliveMs: 90_000 }),
  ],
  ["RFC 9687: send hold as configured", { sendHoldMs: 480_000 }, agreed(PEER_OPEN)],
  ["RFC 9687: send hold exceeds the hold time", { sendHoldMs: 60_000 }, agreed(PEER_OPEN, { sendHoldMs: 30_000 })],
  ["RFC 9687: send hold may be off", { sendHoldMs: 0 }, agreed(PEER_OPEN, { sendHoldMs: 0 })],
  ["RFC 4760 §8: no capability means IPv4", { ipv4: true, ipv6: false }, agreed(theirs({}, PLAIN))],
  [
    "families are those of both",
    { ipv4: false, ipv6: true },
    agreed(theirs({}, { ...PLAIN, families: ["ipv6"] }), {
      capabilities: { ...CAPABILITIES, families: ["ipv4", "ipv6"] },
    }),
  ],
  [
    "no common family is a session without routes, and said",
    { ipv4: false, ipv6: false, remarks: ["no address family in common: the session carries no routes"] },
    agreed(theirs({}, { ...PLAIN, families: ["ipv6"] })),
  ],
  ["RFC 6793: both have four-octet AS numbers", { fourOctetAs: true, remoteAs: 64513 }, agreed(PEER_OPEN)],
  ["RFC 6793: a peer with two octets", { fourOctetAs: false, remoteAs: 64513 }, agreed(theirs({}, PLAIN))],
  [
    "RFC 6286: an external peer may have our identifier",
    { remoteId: SETTINGS.localId },
    agreed(theirs({ identifier: SETTINGS.localId })),
  ],
  [
    "the capability is believed over the field, and said",
    { remoteAs: 64513, remarks: ["the OPEN says AS 7, its capability AS 64513: the capability is believed"] },
    agreed(theirs({ asn: 7 })),
  ],
  [
    "what we did not offer in a bare OPEN is not agreed on",
    { fourOctetAs: false, routeRefresh: false, extendedMessage: false, ipv4: true },
    agreed(PEER_OPEN, {}, true),
  ],
  [
    "a bare OPEN does not make an IPv6-only session carry IPv4",
    { ipv4: false, ipv6: false },
    agreed(PEER_OPEN, { capabilities: { ...CAPABILITIES, families: ["ipv6"] } }, true),
  ],
];
const NO_PATHS = { receive: false, send: false };
type Modes = Capabilities["addPath"];
const paths = (ours: Modes, peers: Modes, bare = false) =>
  agreed(
    theirs({}, { ...PLAIN, families: ["ipv4"], addPath: peers }),
    { capabilities: { ...CAPABILITIES, addPath: ours } },
    bare,
  ).addPath;
const both: Modes = [{ family: "ipv4", mode: "both" }];
const send: Modes = [{ family: "ipv4", mode: "send" }];
const receive: Modes = [{ family: "ipv4", mode: "receive" }];
const ADD_PATH: readonly (readonly [string, Negotiated["addPath"]["ipv4"], Negotiated["addPath"]])[] = [
  ["both to both: both ways", { receive: true, send: true }, paths(both, both)],
  ["we receive, the peer sends: in", { receive: true, send: false }, paths(receive, both)],
  ["we send, the peer receives: out", { receive: false, send: true }, paths(send, both)],
  ["both sides would only send: neither", NO_PATHS, paths(send, send)],
  ["both sides would only receive: neither", NO_PATHS, paths(receive, receive)],
  ["the peer offers nothing: neither", NO_PATHS, paths(both, [])],
  ["the last tuple of a family counts", { receive: false, send: true }, paths(both, [...send, ...receive])],
  ["another family says nothing of this one", NO_PATHS, paths(both, [{ family: "ipv6", mode: "both" }])],
  ["our bare OPEN offered nothing: neither", NO_PATHS, paths(both, both, true)],
];
for (const [name, expected, { ipv4, ipv6 }] of ADD_PATH)
  test(`RFC 7911 §4: ${name}`, () => {
    assert.deepEqual(ipv4, expected);
    assert.deepEqual(ipv6, NO_PATHS);
  });

for (const [name, expected, negotiated] of AGREED)
  test(name, () => {
    for (const [key, value] of Object.entries(expected))
      assert.deepEqual(negotiated[key as keyof Negotiated], value, key);
  });

test("our OPEN: AS_TRANS for an AS above 65535; a bare one carries nothing", () => {
  const wide = { ...SETTINGS, localAs: 4_200_000_000 };
  assert.equal(openFor(wide, false).asn, 23456);
  assert.equal(openFor(SETTINGS, false).asn, 64512);
  assert.equal(openFor(SETTINGS, false).holdSeconds, 90);
  assert.equal(openFor(SETTINGS, false).capabilities, SETTINGS.capabilities);
  const { capabilities } = openFor(wide, true);
  assert.deepEqual(
    Object.values(capabilities).filter((value) => value === true),
    [],
  );
  assert.equal(capabilities.fourOctetAs, undefined);
  assert.equal(capabilities.families, undefined);
});
