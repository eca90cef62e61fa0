import type { CommandModule } from "yargs";
import { type ListedRows, rowsOf, withListedRows } from "./listed-rows.ts";
import { type OutputOnceOptions, withOutputOnce } from "./output.ts";

type PreviewArguments = OutputOnceOptions & ListedRows & { path: string };

export const previewCommand: CommandModule<object, PreviewArguments> = {
  command: "preview <path>",
  describe: "What a configuration would do to the running daemon: sessions that reset, routes that move",
  builder: (yargs) =>
    withListedRows(withOutputOnce(yargs, ["table", "json", "yaml"]), "Every route that moves").positional("path", {
      type: "string",
      demandOption: true,
      describe: "A file, or a folder as for run",
    }) as never,
  handler: async (argv) => {
    const { previewConfiguration } = await import("./preview.ts");
    await previewConfiguration(argv, argv.path, rowsOf(argv));
  },
};
