/** `calidris confgen --once` over a folder of YAML: what a user writes, and what comes out. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { call } from "./program.ts";

const folder = mkdtempSync(join(tmpdir(), "calidris-confgen-"));
after(() => rmSync(folder, { recursive: true }));
let runs = 0;

/** Documents are JSON, which is YAML. */
async function confgen(documents: readonly object[], ...args: string[]) {
  const base = join(folder, String(runs++));
  mkdirSync(join(base, "in"), { recursive: true });
  writeFileSync(join(base, "in", "all.yaml"), documents.map((each) => `---\n${JSON.stringify(each)}\n`).join(""));
  const places = ["--datastore", "files", "--datastore-path", join(base, "in"), "--out", join(base, "out")];
  const options = { env: { CALICO_ENDPOINT_STATUS_PATH_PREFIX: join(base, "none") } };
  const result = await call(["confgen", ...places, "--node", "n1", "--once", "--log-format", "text", ...args], options);
  return { ...result, read: (path: string) => readFileSync(join(base, "out", "current", path), "utf8") };
}

const resource = (kind: string, name: string, spec: object) => ({
  apiVersion: "projectcalico.org/v3",
  kind,
  metadata: { name },
  spec,
});
const NODE = resource("Node", "n1", { bgp: { ipv4Address: "10.0.0.1/24" } });
const PEER = resource("BGPPeer", "tor", {
  peerIP: "10.0.0.254",
  asNumber: 65000,
  localASNumber: 65001,
  filters: ["f"],
});

describe("--calico-version", () => {
  for (const [version, knowsLocalAs] of [
    ["3.28", false],
    ["3.30", false],
    ["3.31", true],
    ["3.33", true],
  ] as const)
    test(`${version} ${knowsLocalAs ? "knows" : "does not know"} localASNumber`, async () => {
      const { code, stderr, read } = await confgen([NODE, PEER], "--calico-version", version);
      assert.equal(code, 0, stderr);
      assert.equal(/^localAs:/m.test(read("peers/Global_10_0_0_254.yaml")), knowsLocalAs);
    });

  test("3.3 is none", async () => {
    const { code, stderr } = await confgen([NODE], "--calico-version", "3.3");
    assert.equal(code, 2);
    assert.match(stderr, /"3\.30"/);
  });
});

test("an option that is given twice is refused", async () => {
  const { code, stderr } = await confgen([NODE], "--node", "n2");
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^--node is given more than once$/m);
});

describe("what cannot be a resource", () => {
  test("a BGPFilter whose name no policy can have closes its sessions, and nothing else", async () => {
    const filters = ["f", "\"#'"];
    const peer = resource("BGPPeer", "tor", { peerIP: "10.0.0.254", asNumber: 65000, filters });
    const { code, stderr, read } = await confgen([NODE, peer, resource("BGPFilter", filters[1]!, { importV4: [] })]);
    assert.equal(code, 0, stderr);
    assert.match(read("peers/Global_10_0_0_254.yaml"), /^import: reject\nexport: reject$/m);
    assert.match(stderr, /code=invalid .*metadata\.name: expected letters, digits/);
  });
});
