/** The files of a generation, without those of the peers. */
import type { ConfigDocument, PeerGroup, Policy } from "../compile/document.ts";
import { flowText, keyText, type Plain, type PlainMap, putComment, putValue, quoted } from "./yaml.ts";

export interface PrintedFile {
  readonly path: string;
  readonly text: string;
  readonly secret: boolean;
}

const HEADER = "Generated from Calico's resources. Changes made here are lost.";

export function printFiles(document: ConfigDocument): readonly PrintedFile[] {
  return [groupsFile(document), policiesFile(document), routerFile(document), staticFile(document)];
}

function fileOf(path: string, lines: readonly string[], secret = false): PrintedFile {
  return { path, text: `${lines.join("\n")}\n`, secret };
}

function begin(): string[] {
  const out: string[] = [];
  putComment(out, HEADER);
  return out;
}

function routerFile({ router, kernelExport, logLevel, exceptInterfaces }: ConfigDocument): PrintedFile {
  const out = begin();
  putComment(out, router.origin);
  out.push("router:");
  putValue(out, "  id:", router.id, 2);
  putValue(out, "  asn:", router.asn, 2);
  if (router.clusterId !== undefined) putValue(out, "  clusterId:", router.clusterId, 2);
  putValue(
    out,
    "  listen:",
    router.listen.map((each) => ({ ...each })),
    2,
  );
  putValue(out, "kernel:", { export: kernelExport, keepOnExit: true }, 0);
  putValue(out, "direct:", { except: exceptInterfaces }, 0);
  putValue(out, "log:", { level: logLevel }, 0);
  return fileOf("router.yaml", out);
}

function staticFile({ statics }: ConfigDocument): PrintedFile {
  const out = begin();
  if (statics.length === 0) out.push("static: []");
  else out.push("static:");
  for (const { prefix, via, origin } of statics)
    putValue(out, "  -", via === undefined ? { prefix, blackhole: true } : { prefix, via }, 2, origin);
  return fileOf("static.yaml", out);
}

function policiesFile({ prefixSets, policies }: ConfigDocument): PrintedFile {
  const out = begin();
  out.push(prefixSets.length === 0 ? "prefixSets: {}" : "prefixSets:");
  for (const { name, comment, entries } of prefixSets) {
    putComment(out, comment, 2);
    out.push(`  ${keyText(name)}:`);
    for (const { match, origin } of entries) putValue(out, "    -", match, 4, origin);
  }
  out.push("");
  out.push("policies:");
  for (const policy of policies) putPolicy(out, policy);
  return fileOf("policies.yaml", out);
}

function putPolicy(out: string[], { name, comment, rules }: Policy): void {
  putComment(out, comment, 2);
  if (rules.length === 0) out.push(`  ${keyText(name)}: []`);
  else out.push(`  ${keyText(name)}:`);
  for (const { comment: note, match, set, action, call } of rules)
    putValue(out, "    -", { match, set, action, call } as unknown as PlainMap, 4, note);
}

function groupsFile({ groups }: ConfigDocument): PrintedFile {
  const out = begin();
  if (groups.length === 0) out.push("peerGroups: {}");
  else out.push("peerGroups:");
  for (const group of groups) putGroup(out, group);
  const secret = groups.some(({ password }) => password !== undefined);
  return fileOf("groups.yaml", out, secret);
}

/** What every session of Calico's BIRD has (calico-bgp.md 3.2). */
const COMMON: readonly [string, Plain][] = [
  ["multihop", true],
  ["nextHop", "gateway"],
  ["addPath", "both"],
  ["timers", { hold: "240s", connectDelay: "2s", connectRetry: "5s", idleHoldMin: "5s", idleHoldMax: "30s" }],
  ["capabilities", { extendedMessage: false }],
];

const DEFAULT_RESTART_TIME = 120;

function putGroup(out: string[], group: PeerGroup): void {
  putComment(out, group.comment, 2);
  out.push(`  ${keyText(group.name)}:`);
  const restartTime = `${group.restartTime ?? DEFAULT_RESTART_TIME}s`;
  const keys: [string, Plain | undefined][] = [
    ["asn", group.asn],
    ["port", group.port],
    ["localAddress", group.localAddress],
    ["passive", group.passiveByAddress ? "byAddress" : undefined],
    ["import", group.import],
    ["export", group.export],
    ...COMMON,
    ["gracefulRestart", { mode: "on", restartTime, staleTime: "240s", longLived: "aware" }],
  ];
  for (const [key, value] of keys) if (value !== undefined) out.push(`    ${key}: ${flowText(value)}`);
  if (group.password !== undefined) out.push(`    password: ${quoted(group.password)}`);
  if (group.held !== undefined) out.push(`    disabled: ${quoted(group.held)}`);
}
