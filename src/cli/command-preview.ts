import type { CommandModule } from "yargs";
import { count } from "./number-option.ts";
import { type OutputOptions, withOutput } from "./output.ts";

type PreviewArguments = OutputOptions & { path: string; all: boolean; limit: number };

/** Rows told of each list. */
const ROWS = 10;

export const previewCommand: CommandModule<object, PreviewArguments> = {
  command: "preview <path>",
  describe: "What a configuration would do to the running daemon: sessions that reset, routes that move",
  builder: (yargs) =>
    withOutput(yargs, ["table", "json", "yaml"])
      .positional("path", { type: "string", demandOption: true, describe: "A file, or a folder as for run" })
      .option("all", { type: "boolean", default: false, describe: "Every route that moves" })
      .option("limit", {
        type: "number",
        default: ROWS,
        requiresArg: true,
        coerce: count("limit"),
        describe: "Routes named of each list",
      }) as never,
  handler: async (argv) => {
    const { previewConfiguration } = await import("./preview.ts");
    await previewConfiguration(argv, argv.path, argv.all ? Number.POSITIVE_INFINITY : argv.limit);
  },
};
