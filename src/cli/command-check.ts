import type { CommandModule } from "yargs";

interface CheckArguments {
  path: string;
  output: "table" | "json";
}

export const checkCommand: CommandModule<object, CheckArguments> = {
  command: "check <path>",
  describe: "Check a configuration; names every fault with file and line",
  builder: (yargs) =>
    yargs
      .positional("path", { type: "string", demandOption: true, describe: "A file, or a folder as for run" })
      .option("output", {
        alias: "o",
        choices: ["table", "json"] as const,
        default: "table" as const,
        requiresArg: true,
        describe: "Output format",
      }),
  handler: async (argv) => {
    const { checkConfiguration } = await import("./check-configuration.ts");
    await checkConfiguration(argv.path, argv.output);
  },
};
