import type { CommandModule } from "yargs";
import { CliError, EXIT } from "./exit-codes.ts";
import type { ExplainOptions } from "./explain.ts";
import { withOutput } from "./output.ts";

const FORMATS = ["table", "json", "yaml"] as const;

const route: CommandModule<object, ExplainOptions & { prefix: string; to: string[] | undefined }> = {
  command: ["route <prefix> [to..]", "routes <prefix> [to..]"],
  describe:
    "Why a path is best, what the others lost by, and what stopped the route; `to PEER`: why that peer gets it or not",
  builder: (yargs) =>
    withOutput(yargs, FORMATS)
      .positional("prefix", { type: "string", demandOption: true, describe: "A prefix, or an address (longest match)" })
      .positional("to", { type: "string", array: true, describe: "`to PEER`" }) as never,
  handler: async (argv) => {
    const [word, peer, ...rest] = argv.to ?? [];
    if (word !== undefined && (word !== "to" || peer === undefined || rest.length > 0))
      throw new CliError(EXIT.usage, `unexpected \`${argv.to!.join(" ")}\`; say: explain route PREFIX to PEER`);
    const { explainRouteCommand } = await import("./explain.ts");
    await explainRouteCommand(argv, argv.prefix, peer);
  },
};

const peer: CommandModule<object, ExplainOptions & { name: string }> = {
  command: ["peer <name>", "neighbor <name>"],
  describe: "All about a session; while it is down, why, and what may help",
  builder: (yargs) =>
    withOutput(yargs, FORMATS).positional("name", {
      type: "string",
      demandOption: true,
      describe: "A peer: its name, address or description",
    }) as never,
  handler: async (argv) => {
    const { explainPeerCommand } = await import("./explain.ts");
    await explainPeerCommand(argv, argv.name);
  },
};

export const explainCommand: CommandModule = {
  command: "explain",
  describe: "Explain what a running daemon decided",
  builder: (yargs) => yargs.command(route).command(peer).demandCommand(1, "explain what? route PREFIX, or peer NAME"),
  handler: () => {},
};
