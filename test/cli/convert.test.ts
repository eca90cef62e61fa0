import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { call, start } from "./program.ts";

const POOL = "{ apiVersion: v1, kind: ipPool, metadata: { cidr: 192.168.0.0/16 } }";
const PEER = "{ apiVersion: v1, kind: bgpPeer, metadata: { peerIP: 10.0.0.1 }, spec: { asNumber: 64512 } }";

describe("calidris convert", () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-convert-"));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "within"));
  writeFileSync(join(folder, "within", "pool.yml"), POOL);
  writeFileSync(join(folder, "peer.json"), JSON.stringify({ apiVersion: "v1", kind: "policy" }));
  writeFileSync(join(folder, "peer.yaml"), PEER);
  writeFileSync(join(folder, "README"), "no document");

  it("reads a folder in order of its paths and prints v3", async () => {
    const { code, stdout, stderr } = await call(["convert", folder]);
    assert.equal(code, 0);
    assert.deepEqual(stdout.match(/^ {2}name: .*$/gm), ["  name: 10-0-0-1", "  name: 192-168-0-0-16"]);
    assert.equal(stderr, "left out, as it says nothing about BGP: policy\n");
  });

  it("reads standard input", async () => {
    const child = start(["convert", "-"], { input: PEER });
    assert.match(await textOf(child.stdout), /^apiVersion: projectcalico\.org\/v3\nkind: BGPPeer\n/);
  });

  it("ends with 1 where something is not converted, and prints the rest", async () => {
    const path = join(folder, "README");
    writeFileSync(path, `${POOL}\n---\n${PEER.replace("64512", "none")}`);
    const { code, stdout, stderr } = await call(["convert", path]);
    assert.equal(code, 1);
    assert.match(stdout, /^kind: IPPool$/m);
    assert.equal(stderr, `${path}:3: bgpPeer: expected an AS number, not \`none\`\n`);
  });

  it("ends with 1 where nothing can be read, and with 2 without a path", async () => {
    const missing = await call(["convert", join(folder, "none")]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^cannot read .*none: ENOENT/);
    assert.equal((await call(["convert"])).code, 2);
  });
});
