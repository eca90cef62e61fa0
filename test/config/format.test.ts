import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { formatConfig } from "../../src/config/format.ts";
import type { Config } from "../../src/config/model.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { plain } from "./arbitrary.ts";
import { parse, parsed, problems, SAMPLE } from "./samples.ts";

/** Where a peer stands is not part of what it is. */
const withoutPlaces = (config: Config) => ({
  ...config,
  peers: config.peers.map(({ origin: _, ...peer }) => peer),
  dynamicPeers: config.dynamicPeers.map(({ template: { origin: _, ...template }, ...entry }) => ({
    ...entry,
    template,
  })),
});

describe("printing", () => {
  test("the contract's example survives printing and parsing", () => {
    const config = parsed(SAMPLE);
    assert.deepEqual(withoutPlaces(parsed(formatConfig(config))), withoutPlaces(config));
  });

  test("what is printed warns of nothing that the file did not", () => {
    assert.deepEqual(problems(parse(SAMPLE)), []);
    assert.deepEqual(problems(parse(formatConfig(parsed(SAMPLE)))), []);
  });

  test("any configuration survives printing and parsing, and prints the same again", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const config = parsed(stringify(value));
        const text = formatConfig(config, { secrets: "show" });
        assert.deepEqual(withoutPlaces(parsed(text)), withoutPlaces(config));
        assert.equal(formatConfig(parsed(text), { secrets: "show" }), text);
      }),
      { seed: 1812, numRuns: 100 },
    );
  });

  const secret = `${SAMPLE}    password: hunter22\n`;
  test("passwords are printed only when asked for", () => {
    assert.ok(!formatConfig(parsed(secret)).includes("hunter22"));
    assert.ok(formatConfig(parsed(secret), { secrets: "show" }).includes("hunter22"));
  });
  test("what was printed without its passwords does not run without them", () => {
    assert.match(problems(parse(formatConfig(parsed(secret)))).join(), /hidden/);
  });
  test("a password file is printed in place of its content", () => {
    const config = parsed(`${SAMPLE}    passwordFile: /etc/k\n`, { secrets: () => "hunter22" });
    const text = formatConfig(config, { secrets: "show" });
    assert.match(text, /passwordFile: \/etc\/k/);
    assert.ok(!text.includes("hunter22"));
  });
  test("a problem never repeats a password", () => {
    const result = parse(SAMPLE.replace("passive: true", `passive: true\n    password: ${"hunter22".repeat(11)}`));
    assert.equal(result.ok, false);
    assert.ok(!JSON.stringify(result).includes("hunter22"));
  });
});

describe("any text", () => {
  test("mutated configurations never throw, and every problem has a line of the file", () => {
    const cut = fc.tuple(
      fc.nat(SAMPLE.length),
      fc.nat(20),
      fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom(
          "\t",
          "\n",
          ": ",
          "- ",
          "{",
          "}",
          "[",
          "]",
          "&a ",
          "*a",
          "<<: ",
          "!!int ",
          "? ",
          "| ",
          "\u0000",
          "\ud800",
          "'",
          '"',
          "#",
          "%",
          "---\n",
          "0x",
          "1e9",
          "null",
        ),
      ),
    );
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 4 }), (cuts) => {
        let text = SAMPLE;
        for (const [at, drop, insert] of cuts) text = text.slice(0, at) + insert + text.slice(at + drop);
        const result = parseConfig([{ path: "a.yaml", text }]);
        const count = text.split("\n").length;
        for (const { line, file } of result.ok ? result.warnings : result.problems) {
          assert.equal(file, "a.yaml");
          assert.ok(Number.isInteger(line) && line >= 1 && line <= count, `line ${line} of ${count}`);
        }
      }),
      { seed: 1234, numRuns: 1000 },
    );
  });

  test("arbitrary YAML values never throw", () => {
    const key = fc.constantFrom(
      "router",
      "kernel",
      "static",
      "policies",
      "prefixSets",
      "peers",
      "limits",
      "name",
      "asn",
      "address",
      "match",
      "set",
      "action",
      "via",
      "timers",
      "listen",
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.oneof(
          fc.string({ maxLength: 5 }),
          fc.integer(),
          fc.constant(null),
          fc.boolean(),
          fc.constantFrom("10.0.0.0/8", "10.0.0.1", "accept"),
        ),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.constantFrom("a.yaml", "peers/a.yaml"), (value, path) => {
        parseConfig([{ path, text: stringify(value) }]);
      }),
      { seed: 99, numRuns: 1000 },
    );
  });
});
