import { basename } from "node:path";
import type { CommandModule } from "yargs";
import { completionScript, SHELLS, type Shell } from "./completion.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { write } from "./output.ts";

export const completionCommand: CommandModule<object, { shell: Shell | undefined }> = {
  command: "completion [shell]",
  describe: "Print the completion script of a shell: source <(calidris completion bash)",
  builder: (yargs) =>
    yargs.positional("shell", { choices: SHELLS, describe: "bash or zsh (default: that of SHELL)" }) as never,
  handler: async (argv) => {
    const own = basename(process.env.SHELL ?? "");
    const shell = argv.shell ?? SHELLS.find((each) => each === own);
    if (shell === undefined)
      throw new CliError(EXIT.usage, `which shell? Say: calidris completion ${SHELLS.join("|")}`);
    await write(completionScript(shell));
  },
};
