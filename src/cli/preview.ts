/** `calidris preview`: the daemon's state is fetched, and the configuration tried here, on a copy. */
import { createHash } from "node:crypto";
import type { Config, DynamicPeersConfig } from "../config/model.ts";
import { formatProblem, parseConfig } from "../config/parse.ts";
import { previewLines } from "../control/render-preview.ts";
import { passwordDigest, type RunningPage, type RunningState } from "../control/running-state.ts";
import { type Preview, startPreview } from "../daemon/preview.ts";
import { readConfigFiles } from "../io/system/config-files.ts";
import { streamControl } from "../io/system/control-client.ts";
import { readSecret } from "./check-configuration.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { type OutputOnceOptions, tableStyle, write, writeDocument } from "./output.ts";
import { socketPath } from "./socket-path.ts";
import { version } from "./version.ts";

export async function previewConfiguration(options: OutputOnceOptions, path: string, limit: number): Promise<void> {
  await previewOfConfig(options, await readNext(path), limit);
}

export async function previewOfConfig(options: OutputOnceOptions, next: Config, limit: number): Promise<void> {
  const answer = (await fetchInto(options.socket, next)).finish(limit);
  if (options.output === "json" || options.output === "yaml") return writeDocument(answer, options.output);
  await write(
    previewLines(answer, tableStyle(options))
      .map((line) => `${line}\n`)
      .join(""),
  );
}

/** Throws with every fault: what would be refused has no effect. */
export async function readNext(path: string): Promise<Config> {
  const { files, problems } = await readConfigFiles(path);
  if (problems.length > 0)
    throw new CliError(EXIT.error, problems.map((problem) => `${problem.path}: ${problem.message}`).join("\n"));
  const parsed = parseConfig(files, { secrets: readSecret });
  if (parsed.ok) return parsed.config;
  throw new CliError(
    EXIT.error,
    [...parsed.problems.map(formatProblem), `${path}: the daemon would refuse it, and go on as it is`].join("\n"),
  );
}

async function fetchInto(socket: string | undefined, next: Config): Promise<Preview> {
  let preview: Preview | undefined;
  for await (const value of streamControl(socketPath(socket), { command: "running" })) {
    if (preview) preview.take(value as RunningPage);
    else preview = begin(value as RunningState, next);
  }
  if (!preview) throw new CliError(EXIT.error, "the daemon told nothing of itself");
  return preview;
}

function begin(state: RunningState, next: Config): Preview {
  const { text, secrets, salt } = state.config;
  if (state.version !== version)
    process.stderr.write(
      `The daemon is version ${state.version}, this is ${version}: it may decide otherwise than what follows\n`,
    );
  const running = parseConfig([{ path: "running", text }], { secrets: (path) => secrets[path] });
  if (!running.ok)
    throw new CliError(
      EXIT.error,
      `The running configuration of version ${state.version} cannot be read by ${version}: ${running.problems.map(formatProblem).join("; ")}`,
    );
  return startPreview(state, running.config, withDigests(next, salt));
}

/** Passwords as the daemon tells of its own. */
function withDigests(config: Config, salt: string): Config {
  const hidden = <T extends DynamicPeersConfig["template"]>(peer: T): T =>
    peer.password === undefined ? peer : { ...peer, password: passwordDigest(sha256, salt, peer.password) };
  return {
    ...config,
    peers: config.peers.map(hidden),
    dynamicPeers: config.dynamicPeers.map((entry) => ({ ...entry, template: hidden(entry.template) })),
  };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
