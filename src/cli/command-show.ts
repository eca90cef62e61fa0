import type { CommandModule } from "yargs";
import { FAMILIES, type Family } from "../ip/address.ts";
import { count } from "./number-option.ts";
import { type OutputOptions, withOutput } from "./output.ts";

type PeersArguments = OutputOptions & { name: string | undefined; check: boolean };
type RoutesArguments = OutputOptions & {
  words: string[] | undefined;
  family: Family | undefined;
  limit: number | undefined;
};

const peers: CommandModule<object, PeersArguments> = {
  // Fingers remember other speakers' words.
  command: ["peers [name]", "neighbors [name]", "neighbor [name]", "peer [name]", "protocols [name]"],
  describe: "Sessions and how many routes went over them",
  builder: (yargs) =>
    withOutput(yargs)
      .positional("name", { type: "string", describe: "A peer: its name, address or description" })
      .option("check", {
        type: "boolean",
        default: false,
        describe: "Exit 5 unless every peer that is not disabled is Established",
      }) as never,
  handler: async (argv) => {
    const { showPeers } = await import("./show-peers.ts");
    await showPeers(argv);
  },
};

const routes: CommandModule<object, RoutesArguments> = {
  command: ["routes [words..]", "route [words..]"],
  describe: "Routes: all, of a PREFIX, for an ADDRESS, or `in PEER` and `out PEER`",
  builder: (yargs) =>
    withOutput(yargs)
      .positional("words", {
        type: "string",
        array: true,
        describe: "PREFIX, ADDRESS (longest match), `in PEER [PREFIX]` or `out PEER [PREFIX]`",
      })
      .option("family", { choices: FAMILIES, requiresArg: true, describe: "Only this family" })
      .option("limit", {
        type: "number",
        requiresArg: true,
        coerce: count("limit"),
        describe: "At most so many routes",
      }) as never,
  handler: async (argv) => {
    const { showRoutes } = await import("./show-routes.ts");
    await showRoutes({ ...argv, words: argv.words ?? [] });
  },
};

/** `show bgp summary`, as elsewhere. */
const bgp: CommandModule<object, PeersArguments & { summary: string | undefined }> = {
  command: "bgp [summary]",
  describe: false,
  builder: (yargs) =>
    withOutput(yargs)
      .positional("summary", { choices: ["summary"] })
      .option("check", { type: "boolean" }) as never,
  handler: async (argv) => {
    const { showPeers } = await import("./show-peers.ts");
    await showPeers({ ...argv, name: undefined, check: argv.check === true });
  },
};

const status: CommandModule<object, OutputOptions> = {
  command: "status",
  describe: "The daemon as a whole: configuration, tables, kernel",
  builder: (yargs) => withOutput(yargs, ["table", "json", "yaml"]) as never,
  handler: async (argv) => {
    const { showStatus } = await import("./show-status.ts");
    await showStatus(argv);
  },
};

export const showCommand: CommandModule = {
  command: "show",
  describe: "Show what a running daemon knows",
  builder: (yargs) =>
    yargs
      .command(peers)
      .command(routes)
      .command(status)
      .command(bgp)
      .demandCommand(1, "show what? peers, routes or status"),
  handler: () => {},
};
