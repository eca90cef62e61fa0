import type { CommandModule } from "yargs";

interface ConvertArguments {
  path: string;
}

export const convertCommand: CommandModule<object, ConvertArguments> = {
  command: "convert <path>",
  describe: "Print resources of calicoctl v1 (and v1 etcd keys) as v3 YAML",
  builder: (yargs) =>
    yargs.positional("path", {
      type: "string",
      demandOption: true,
      describe: "A file of YAML or JSON, a folder of them, or - for standard input",
    }),
  handler: async (argv) => {
    const { convert } = await import("./convert.ts");
    // yargs makes an empty text of a positional that is a dash.
    await convert(argv.path || "-");
  },
};
