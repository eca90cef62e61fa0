import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { encodeOpen } from "../../src/bgp/open.ts";
import type { ParsingClass } from "../../src/bgp/parsing-class.ts";
import { formatAddress, parseAddress } from "../../src/ip/address.ts";
import { type Received, type ReceivedUpdate, receive } from "../bgp/receive.ts";
import { fromHex, message } from "../bgp/wire.ts";
import { SKIP, WIRE } from "./cases-dir.ts";

interface ExaUpdate {
  readonly attribute?: Readonly<Record<string, unknown>>;
  readonly announce?: Readonly<
    Record<string, Readonly<Record<string, readonly { nlri: string; "path-information"?: string }[]>>>
  >;
  readonly withdraw?: Readonly<Record<string, readonly { nlri: string }[]>>;
}
interface Case {
  readonly raw: Uint8Array;
  readonly json: { neighbor: { asn: { local: number; peer: number }; message?: { update?: ExaUpdate } } } | undefined;
}

const ENCODING = join(WIRE, "exabgp", "encoding");
const DECODING = join(WIRE, "exabgp", "decoding");

/** `raw` lines, each with the `json` line that follows it, if any. */
function readCases(path: string): Case[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line, i) => {
    const raw = /^\w+:raw:(.*)$/.exec(line)?.[1];
    const json = /^\w+:json:(.*)$/.exec(lines[i + 1] ?? "")?.[1];
    return raw === undefined ? [] : [{ raw: fromHex(raw), json: json === undefined ? undefined : JSON.parse(json) }];
  });
}

/** The session that a file was made for, as far as the bytes depend on it. */
function sessionOf(file: string, one: Case): ParsingClass {
  const asn = one.json?.neighbor.asn;
  const addPath = file.includes("addpath");
  return {
    id: 1,
    internal: asn === undefined || asn.local === asn.peer,
    fourOctetAs: true,
    ifindex: 0,
    addPathIpv4: addPath,
    addPathIpv6: addPath,
    extendedNextHop: true,
  };
}

const FAMILIES: readonly string[] = ["ipv4 unicast", "ipv6 unicast"];

/** Compares what ExaBGP says of an UPDATE, in the families we read, with what we found. */
function compare(update: ExaUpdate, got: ReceivedUpdate): void {
  const announced = FAMILIES.flatMap((family) =>
    Object.entries(update.announce?.[family] ?? {}).flatMap(([hop, list]) => list.map((one) => ({ hop, ...one }))),
  );
  const withPath = (one: { nlri: string; "path-information"?: string }) => {
    const id = one["path-information"];
    return id === undefined
      ? one.nlri
      : `${id.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)} ${one.nlri}`;
  };
  assert.deepEqual(got.announced, announced.map(withPath));
  if (announced.length === 0) return;
  const attributes = got.attributes;
  assert.ok(attributes, `no attributes: ${got.outcome}`);
  assert.equal(formatAddress(attributes.nextHop!), formatAddress(parseAddress(announced[0]!.hop)!));
  const said = update.attribute ?? {};
  if (said.origin !== undefined) assert.equal(["igp", "egp", "incomplete"][attributes.origin], said.origin);
  if (said.med !== undefined) assert.equal(attributes.med, said.med);
  if (said["local-preference"] !== undefined) assert.equal(attributes.localPref, said["local-preference"]);
  if (said.community !== undefined)
    assert.deepEqual(
      attributes.communities.map((one) => [one >>> 16, one & 0xffff]),
      said.community,
    );
  if (said["large-community"] !== undefined)
    assert.deepEqual(attributes.largeCommunities, (said["large-community"] as number[][]).flat());
  if (said.aggregator !== undefined)
    assert.match(String(said.aggregator), new RegExp(`^${attributes.aggregator?.asn}:`));
  if (said["as-path"] !== undefined) {
    const asns = JSON.stringify(said["as-path"]).match(/\d{3,}/g) ?? [];
    assert.deepEqual(attributes.asPath.flatMap((one) => one.asns).map(String), asns);
  }
}

describe("ExaBGP's encodings", { skip: SKIP }, () => {
  const files = existsSync(ENCODING) ? readdirSync(ENCODING) : [];
  for (const file of files)
    test(`${file} decodes as ExaBGP says`, () => {
      const cases = readCases(join(ENCODING, file));
      assert.ok(cases.length > 0);
      for (const one of cases) {
        const [got] = receive(one.raw, sessionOf(file, one));
        checkOne(file, one, got);
      }
    });

  test("an IPv6 prefix with an IPv4 next hop is refused with 3/9", () => {
    const cases = readCases(join(ENCODING, "extended-nexthop.ci"));
    const codes = cases.map((one) => receive(one.raw, sessionOf("extended-nexthop.ci", one))[0]);
    assert.ok(codes.some((one) => one?.kind === "fault" && one.code === "3/9"));
    const without = receive(cases[0]!.raw, { ...sessionOf("", cases[0]!), extendedNextHop: false });
    assert.deepEqual(without, [{ kind: "fault", code: "3/9" }]);
  });
});

function checkOne(file: string, one: Case, got: Received | undefined): void {
  if (got?.kind === "open") {
    assert.ok((got.open.capabilities.raw?.length ?? 0) > 0);
    const again = encodeOpen(got.open);
    const [second] = receive(again, sessionOf(file, one));
    assert.ok(second?.kind === "open");
    const { raw: _a, ...first } = got.open.capabilities;
    const { raw: _b, ...rest } = second.open.capabilities;
    assert.deepEqual(rest, first);
    return;
  }
  // Outside RFC 4760 and RFC 8950 for unicast: refused, see the test below.
  const refused = file === "extended-nexthop.ci" && got?.kind === "fault" && got.code === "3/9";
  if (refused) return;
  assert.equal(got?.kind, "update", `${file}: ${JSON.stringify(got)}`);
  if (got?.kind !== "update") return;
  assert.equal(got.update.outcome, "none");
  const update = one.json?.neighbor.message?.update;
  if (update) compare(update, got.update);
}

describe("ExaBGP's decodings", { skip: SKIP }, () => {
  const read = (name: string) => readFileSync(join(DECODING, name), "utf8").split("\n");
  const session: ParsingClass = { id: 1, internal: true, fourOctetAs: true, ifindex: 0 };

  test("ipv4-unicast-1: four default routes are four default routes", () => {
    const [, hex, json] = read("ipv4-unicast-1.txt");
    const [got] = receive(fromHex(hex!), session);
    assert.ok(got?.kind === "update");
    compare(JSON.parse(json!).neighbor.message.update, got.update);
    assert.equal(got.update.announced.length, 5);
  });

  test("bgp-open-sofware-version: the version behind its inner length", () => {
    const [got] = receive(fromHex(read("bgp-open-sofware-version.txt")[1]!), session);
    assert.ok(got?.kind === "open");
    assert.equal(got.open.capabilities.softwareVersion, "ExaBGP/main-c2a2ea8ebd-20240715");
    assert.equal(got.open.capabilities.fourOctetAs, 65533);
  });

  for (const name of ["bgp-flow-1.txt", "bgp-flow-2.txt", "bgp-evpn-1.txt"])
    test(`${name}: a family we do not read is passed over`, () => {
      const octets = fromHex(read(name)[1]!);
      const whole = octets[0] === 0xff ? octets : message(2, octets);
      const [got] = receive(whole, session);
      assert.ok(got?.kind === "update", JSON.stringify(got));
      assert.deepEqual([got.update.outcome, got.update.announced, got.update.withdrawn], ["none", [], []]);
    });
});
