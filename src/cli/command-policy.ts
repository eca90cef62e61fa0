import type { CommandModule } from "yargs";
import type { PolicyTestOptions } from "./policy-test.ts";

const test: CommandModule<object, PolicyTestOptions> = {
  command: "test",
  describe: "What a policy of a configuration makes of routes that need not exist; no daemon is asked",
  builder: (yargs) =>
    yargs
      .option("config", {
        alias: "c",
        type: "string",
        demandOption: "say which configuration: --config PATH",
        requiresArg: true,
        describe: "A file, or a folder as for run",
      })
      .option("direction", {
        alias: "d",
        choices: ["import", "export", "kernel"] as const,
        demandOption: "say which way: --direction import, export or kernel",
        requiresArg: true,
        describe: "Policy for what the peer sends, for what it gets, or for what the kernel gets",
      })
      .option("peer", { alias: "p", type: "string", requiresArg: true, describe: "Peer, for import and export" })
      .option("route", {
        alias: "r",
        type: "string",
        array: true,
        requiresArg: true,
        describe: 'A route as JSON: {"prefix": "10.1.0.0/16", "source": "bgp", "asPath": "65001", …}; may be repeated',
      })
      .option("routes", {
        type: "string",
        requiresArg: true,
        describe:
          "A file of routes, an array or one a line, also as `show routes -o json` prints them; `-`: from stdin",
      })
      .option("expect", {
        choices: ["accept", "reject"] as const,
        requiresArg: true,
        describe: "Exit 5 unless all routes meet this verdict",
      })
      .option("output", {
        alias: "o",
        choices: ["table", "json"] as const,
        default: "table" as const,
        requiresArg: true,
        describe: "Output format",
      }) as never,
  handler: async (argv) => {
    const { policyTest } = await import("./policy-test.ts");
    await policyTest(argv);
  },
};

export const policyCommand: CommandModule = {
  command: "policy",
  describe: "Try policies",
  builder: (yargs) => yargs.command(test).demandCommand(1, "policy what? test"),
  handler: () => {},
};
