import assert from "node:assert/strict";
import type { Config } from "../../src/config/model.ts";
import { formatProblem, type ParsedConfig, type ParseOptions, parseConfig } from "../../src/config/parse.ts";

/** The example of the contract. */
export const SAMPLE = `router:
  id: 10.99.0.1
  asn: 64512
  clusterId: 10.99.0.1
  listen: [{ address: 0.0.0.0, port: 179 }]
kernel:
  program: true
  learn: true
  export: accept
static:
  - { prefix: 10.1.0.0/26, blackhole: true }
policies:
  to-tor:
    - { match: { source: [kernel, static] }, action: accept }
    - { action: reject }
peers:
  - name: tor-a
    address: 10.99.0.254
    asn: 65000
    families: [ipv4]
    import: accept
    export: to-tor
  - name: c1
    address: 10.99.1.0
    asn: 64512
    passive: true
    routeReflectorClient: true
`;

export const parse = (text: string, options?: ParseOptions): ParsedConfig =>
  parseConfig([{ path: "a.yaml", text }], options);

export function parsed(text: string, options?: ParseOptions): Config {
  const result = parse(text, options);
  assert.ok(result.ok, result.ok ? "" : result.problems.map(formatProblem).join("\n"));
  return result.config;
}

/** Every problem as one line. */
export function problems(result: ParsedConfig): string[] {
  return (result.ok ? result.warnings : result.problems).map(formatProblem);
}

/** A configuration with one iBGP peer whose keys follow `address` and `asn`. */
export const peer = (keys: string): string => `router: { asn: 1 }
peers:
  - name: p
    address: 10.0.0.2
    asn: 1
${keys
  .split("\n")
  .map((line) => `    ${line}`)
  .join("\n")}
`;

/** A configuration with one rule, used by nobody. */
export const rule = (text: string): string => `router: { asn: 65000 }
policies:
  p:
    - ${text}
`;
