#!/usr/bin/env node
/** The command line. What a command needs is loaded when that command runs. */
import yargs, { type Argv } from "yargs";
import { hideBin } from "yargs/helpers";
import { ControlError } from "../control/control-error.ts";
import { checkCommand } from "./command-check.ts";
import { completionCommand } from "./command-completion.ts";
import { confgenCommand } from "./command-confgen.ts";
import { convertCommand } from "./command-convert.ts";
import { demoCommand } from "./command-demo.ts";
import { explainCommand } from "./command-explain.ts";
import { nodeCommand } from "./command-node.ts";
import { ORDERS, orderCommands } from "./command-orders.ts";
import { policyCommand } from "./command-policy.ts";
import { previewCommand } from "./command-preview.ts";
import { runCommand } from "./command-run.ts";
import { shadowCommand } from "./command-shadow.ts";
import { showCommand } from "./command-show.ts";
import { liveWords } from "./completion.ts";
import { CliError, EXIT, exitOf } from "./exit-codes.ts";
import { version } from "./version.ts";

/** What the shells' scripts ask with; the line as typed follows. */
const ASK_COMPLETIONS = "--get-completions";
const YARGS_COMPLETIONS = "--get-yargs-completions";

/** What yargs says of a missing positional, in our words. */
const WORDS = {
  "Not enough non-option arguments: got %s, need at least %s": {
    one: "an argument is missing: %s given, %s needed",
    other: "an argument is missing: %s given, %s needed",
  } as never,
};

const COMMANDS = [
  "run",
  "check",
  "convert",
  "preview",
  "policy",
  "shadow",
  "confgen",
  "node",
  "show",
  "explain",
  "demo",
  "completion",
  ...ORDERS,
];

/** The help of the command that was meant, where one can be told. */
function helpFor([command = ""]: readonly string[]): string {
  return COMMANDS.includes(command) ? `calidris ${command} --help` : "calidris --help";
}

/** Options that may be repeated. */
const REPEATED: ReadonlySet<string> = new Set(["route"]);

/** Of an option that is given twice yargs makes a list, which no command expects. */
function checkOnce(words: readonly string[]): true {
  const given = new Set<string>();
  for (const word of words) {
    if (word === "--") break;
    const name = /^--([a-z][a-z-]*)(?:=|$)/.exec(word)?.[1];
    if (name === undefined || REPEATED.has(name)) continue;
    if (given.has(name)) throw new CliError(EXIT.usage, `--${name} is given more than once`);
    given.add(name);
  }
  return true;
}

function createParser(words: readonly string[], fail: (message: string, error: Error | undefined) => void): Argv {
  return yargs(words)
    .scriptName("calidris")
    .usage("$0 COMMAND\n\nA BGP routing daemon and its command line.")
    .locale("en")
    .command(runCommand)
    .command(confgenCommand)
    .command(nodeCommand)
    .command(checkCommand)
    .command(previewCommand)
    .command(policyCommand)
    .command(shadowCommand)
    .command(convertCommand)
    .command(showCommand)
    .command(explainCommand)
    .command(orderCommands as never)
    .command(demoCommand)
    .command(completionCommand)
    .demandCommand(1, "a command is missing")
    .strict()
    .check(() => checkOnce(words))
    .updateStrings(WORDS)
    .recommendCommands()
    .version(version)
    .alias("help", "h")
    .wrap(Math.min(100, process.stdout.columns || 100))
    .exitProcess(false)
    .fail(fail);
}

async function main(words: readonly string[]): Promise<void> {
  if (words[0] === ASK_COMPLETIONS) return complete(words.slice(1));
  const parser = createParser(words, (message, error) => {
    // What yargs itself throws (YError) is about the words, as a value that is missing after an option.
    if (error && error.name !== "YError") throw error;
    throw new CliError(EXIT.usage, `${message}\nSee: ${helpFor(words)}`);
  });
  await parser.parseAsync();
}

/** Words that may stand last: what the commands define, and names that the daemon knows. */
async function complete(line: readonly string[]): Promise<void> {
  const live = await liveWords(line);
  process.stdout.write(live.words.map((word) => `${word}\n`).join(""));
  if (live.only) return;
  // yargs prints what the commands define and exits. What is being written need not be complete, so nothing fails; the
  // middleware stands before every handler, since no command may run.
  createParser([YARGS_COMPLETIONS, ...line], () => process.exit(EXIT.ok))
    .completion("completion-script", false)
    .middleware(() => process.exit(EXIT.ok))
    .exitProcess(true)
    .parse();
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
