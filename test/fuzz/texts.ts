/** What people and programs write: requests to the control socket, and configurations. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { stringify } from "yaml";
import { formatConfig } from "../../src/config/format.ts";
import type { Config } from "../../src/config/model.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { ControlError } from "../../src/control/control-error.ts";
import { createControlHandler } from "../../src/control/handler.ts";
import { createLineSplitter } from "../../src/io/system/control-protocol.ts";
import { plain } from "../config/arbitrary.ts";
import { SAMPLE } from "../config/samples.ts";
import { startRouters } from "../control/routers.ts";
import { type FuzzTarget, octetsOfText, textOf } from "./target.ts";

const REQUESTS = [
  { command: "status" },
  { command: "names" },
  { command: "peers", peer: "b" },
  { command: "routes", family: "ipv4", limit: 3 },
  { command: "routes", target: "10.1.0.0/26" },
  { command: "routes", target: "10.1.0.1" },
  { command: "routesIn", peer: "b", target: "10.0.0.2" },
  { command: "routesOut", peer: "10.0.0.2", family: "ipv6" },
  { command: "explainRoute", target: "10.1.0.0/26", peer: "b" },
];

function handlerOfRouters() {
  const routers = startRouters({
    a: {
      address: "10.0.0.1",
      yaml: `router: { id: 10.0.0.1, asn: 64512, listen: [{ address: 0.0.0.0 }] }
static: [{ prefix: 10.1.0.0/26, blackhole: true }]
peers: [{ name: b, address: 10.0.0.2, asn: 64512 }]
`,
    },
    b: {
      address: "10.0.0.2",
      yaml: `router: { id: 10.0.0.2, asn: 64512, listen: [{ address: 0.0.0.0 }] }
static: [{ prefix: 10.2.0.0/26, blackhole: true }]
peers: [{ name: a, address: 10.0.0.1, asn: 64512 }]
`,
    },
  });
  routers.run(60);
  return createControlHandler(
    routers.view("a"),
    (run) => run(),
    () => {},
  );
}

let handler: ReturnType<typeof handlerOfRouters> | undefined;

export const control: FuzzTarget = {
  name: "control",
  share: 52,
  form: "text",
  seeds: () => REQUESTS.map((request) => octetsOfText(`${JSON.stringify(request)}\n`)),
  async run(octets) {
    handler ??= handlerOfRouters();
    const lines = createLineSplitter(4096).push(Buffer.from(octets));
    if (lines === undefined) return "too long";
    let outcome = "no line";
    for (const line of lines) outcome = await answer(line);
    return outcome;
  },
};

async function answer(line: string): Promise<string> {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return "no JSON";
  }
  const output = { send: () => true, drained: async () => {}, signal: { aborted: false } };
  try {
    JSON.stringify(await handler!(request, output));
    return `answer to ${(request as { command: string }).command}`;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    assert.ok(error.message.length > 0);
    return `error ${error.code}`;
  }
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Where a peer stands is not part of what it is. */
const withoutPlaces = (config: Config) => ({
  ...config,
  peers: config.peers.map(({ origin: _, ...peer }) => peer),
  dynamicPeers: config.dynamicPeers.map(({ template: { origin: _, ...template }, ...entry }) => ({
    ...entry,
    template,
  })),
});

export const config: FuzzTarget = {
  name: "config",
  share: 6,
  form: "text",
  seeds() {
    const examples = readdirSync(`${ROOT}/examples`).filter((name) => name.endsWith(".yaml"));
    const some = fc.sample(plain, { seed: 18, numRuns: 20 }).map((value) => stringify(value));
    return [SAMPLE, ...some, ...examples.map((name) => readFileSync(`${ROOT}/examples/${name}`, "utf8"))].map(
      octetsOfText,
    );
  },
  run(octets) {
    const text = textOf(octets);
    const result = parseConfig([{ path: "a.yaml", text }]);
    const lines = text.split("\n").length;
    for (const { line, message } of result.ok ? result.warnings : result.problems)
      assert.ok(line >= 1 && line <= lines + 1 && message.length > 0, `line ${line}: ${message}`);
    if (!result.ok) return "problems";
    const printed = formatConfig(result.config, { secrets: "show" });
    const again = parseConfig([{ path: "a.yaml", text: printed }]);
    assert.ok(again.ok, `what was printed does not parse: ${printed}`);
    assert.deepEqual(withoutPlaces(again.config), withoutPlaces(result.config));
    return result.warnings.length > 0 ? "accepted with warnings" : "accepted";
  },
};
