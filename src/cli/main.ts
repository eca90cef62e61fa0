#!/usr/bin/env node
/** The command line. What a command needs is loaded when that command runs. */
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { ControlError } from "../control/control-error.ts";
import { checkCommand } from "./command-check.ts";
import { demoCommand } from "./command-demo.ts";
import { runCommand } from "./command-run.ts";
import { showCommand } from "./command-show.ts";
import { CliError, EXIT, exitOf } from "./exit-codes.ts";
import { version } from "./version.ts";

async function main(words: readonly string[]): Promise<void> {
  const parser = yargs(words)
    .scriptName("calidris")
    .usage("$0 COMMAND\n\nA BGP routing daemon and its command line.")
    .locale("en")
    .command(runCommand)
    .command(checkCommand)
    .command(showCommand)
    .command(demoCommand)
    .demandCommand(1, "a command is missing")
    .strict()
    .recommendCommands()
    .version(version)
    .alias("help", "h")
    .wrap(Math.min(100, process.stdout.columns || 100))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new CliError(EXIT.usage, `${message}\nSee: calidris --help`);
    });
  await parser.parseAsync();
}

/** A reader that has gone, as `head` does, is no fault. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.error);
});

try {
  await main(hideBin(process.argv));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode =
    error instanceof CliError ? error.exit : error instanceof ControlError ? exitOf(error.code) : EXIT.error;
}
