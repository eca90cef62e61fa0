/** Orders to a running daemon: sessions down and up, tables again, and its own end. */
import type { Argv, CommandModule } from "yargs";
import type { OrderAnswer, OrderRequest } from "../control/answers.ts";
import { oneLine } from "../control/table.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { withSocket, write } from "./output.ts";

interface Socket {
  readonly socket: string | undefined;
  readonly output: "table" | "json";
}
type OfPeer = Socket & { readonly name: string };
type WithText = { readonly text: string | undefined };

const PEER = { type: "string", demandOption: true, describe: "A peer: its name, address or description" } as const;
const TEXT = {
  type: "string",
  requiresArg: true,
  describe: "Told to the peer and shown there (RFC 9003), at most 255 octets",
} as const;

async function give({ socket, output }: Socket, request: OrderRequest): Promise<void> {
  const { ask } = await import("./ask.ts");
  const answer = await ask<OrderAnswer>(socket, request);
  await write(`${output === "json" ? JSON.stringify(answer, null, 2) : oneLine(answer.message)}\n`);
}

function ordering<T>(yargs: Argv<T>) {
  return withSocket(yargs).option("output", {
    alias: "o",
    choices: ["table", "json"] as const,
    default: "table" as const,
    requiresArg: true,
    describe: "Output format",
  });
}

const disable: CommandModule<object, OfPeer & WithText> = {
  command: "disable <name>",
  describe: "End a session and keep it down until `enable`, over reloads",
  builder: (yargs) => ordering(yargs).positional("name", PEER).option("text", TEXT) as never,
  handler: (argv) => give(argv, { command: "disable", peer: argv.name, text: argv.text }),
};

const enable: CommandModule<object, OfPeer> = {
  command: "enable <name>",
  describe: "Let a session come up again that was disabled, or that exceeded its limit of prefixes",
  builder: (yargs) => ordering(yargs).positional("name", PEER) as never,
  handler: (argv) => give(argv, { command: "enable", peer: argv.name }),
};

const restart: CommandModule<object, OfPeer & WithText> = {
  command: "restart <name>",
  describe: "End a session and start it again at once",
  builder: (yargs) => ordering(yargs).positional("name", PEER).option("text", TEXT) as never,
  handler: (argv) => give(argv, { command: "restart", peer: argv.name, text: argv.text }),
};

const refresh: CommandModule<object, OfPeer & { readonly in: boolean; readonly out: boolean }> = {
  command: "refresh <name>",
  describe: "Ask a peer for its routes again, and send it ours; the session stays",
  builder: (yargs) =>
    ordering(yargs)
      .positional("name", PEER)
      .option("in", { type: "boolean", default: false, describe: "Only what the peer announces" })
      .option("out", { type: "boolean", default: false, describe: "Only what it is announced" }) as never,
  handler: (argv) =>
    give(argv, {
      command: "refresh",
      peer: argv.name,
      direction: argv.in === argv.out ? "both" : argv.in ? "in" : "out",
    }),
};

const drain: CommandModule<object, Socket> = {
  command: "drain",
  describe: "Announce all routes with GRACEFUL_SHUTDOWN (RFC 8326): traffic goes elsewhere, sessions stay",
  builder: (yargs) => ordering(yargs) as never,
  handler: (argv) => give(argv, { command: "drain" }),
};

const undrain: CommandModule<object, Socket> = {
  command: "undrain",
  describe: "Take back `drain`, or `shutdown --drain` while it waits",
  builder: (yargs) => ordering(yargs) as never,
  handler: (argv) => give(argv, { command: "undrain" }),
};

const shutdown: CommandModule<object, Socket & WithText & { readonly drain: string | undefined }> = {
  command: "shutdown",
  describe: "End the daemon for good: peers are told, kernel routes go unless the file says keepOnExit",
  builder: (yargs) =>
    ordering(yargs)
      .option("drain", {
        type: "string",
        requiresArg: true,
        describe: "Drain for so long before: 30s, 2m, or plain seconds",
      })
      .option("text", TEXT) as never,
  handler: (argv) =>
    give(argv, {
      command: "shutdown",
      text: argv.text,
      drainSeconds: argv.drain === undefined ? 0 : secondsOf(argv.drain),
    }),
};

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

function secondsOf(text: string): number {
  const parts = /^(\d{1,9})(ms|s|m|h)?$/.exec(text);
  if (!parts) throw new CliError(EXIT.usage, `\`${text}\` is no duration; say 30s, 2m or plain seconds`);
  return Number(parts[1]) * UNITS[parts[2] ?? "s"]!;
}

export const orderCommands: readonly CommandModule<object, never>[] = [
  disable,
  enable,
  restart,
  refresh,
  drain,
  undrain,
  shutdown,
] as never;

/** Their first words. */
export const ORDERS = orderCommands.map(({ command }) => String(command).split(" ")[0]!);
