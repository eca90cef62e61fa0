/**
 * The commands of the BIRD dialect as a table: their first words, and what answers them. What is not in it is a syntax
 * error, as a command of a protocol that BIRD was built without.
 */
import type { Family } from "../../ip/address.ts";
import { matchesGlob } from "../../policy/glob.ts";
import type { BirdView } from "./facts.ts";
import { showProtocols } from "./protocols.ts";
import type { Reply } from "./reply.ts";
import { showStatus } from "./status.ts";
import type { LocalTime } from "./times.ts";
import { readTokens, type Token } from "./tokens.ts";

/** What the commands of one socket work on. */
export interface BirdContext {
  readonly view: BirdView;
  /** Of the socket. */
  readonly family: Family;
  readonly version: string;
  readonly localTime: LocalTime;
  readonly wallMs: () => number;
}

interface Command {
  readonly words: readonly string[];
  /** `rest` is what follows the words. */
  readonly run: (context: BirdContext, rest: readonly Token[], reply: Reply) => void | Promise<void>;
}

/** The longest that fits counts. */
const COMMANDS: readonly Command[] = [
  {
    words: ["show", "status"],
    run({ view, family, version, localTime, wallMs }, rest, reply) {
      if (rest.length > 0) return syntaxError(reply, rest[0]);
      showStatus(reply, version, view.daemon(family), wallMs(), localTime);
    },
  },
  { words: ["show", "protocols"], run: (context, rest, reply) => protocols(context, rest, false, reply) },
  { words: ["show", "protocols", "all"], run: (context, rest, reply) => protocols(context, rest, true, reply) },
  {
    words: ["restrict"],
    // Nothing that a client can ask for changes anything.
    run: (_context, rest, reply) =>
      rest.length > 0 ? syntaxError(reply, rest[0]) : reply.end(16, "Access restricted"),
  },
];

/** Answers one command. Whatever it is, a whole reply follows. */
export function runCommand(context: BirdContext, line: string, reply: Reply): void | Promise<void> {
  const tokens = readTokens(line);
  if ("unreadable" in tokens) return reply.end(9001, tokens.unreadable);
  let found: Command | undefined;
  let known = 0;
  for (const command of COMMANDS) {
    const same = commonWords(command.words, tokens);
    known = Math.max(known, same);
    if (same === command.words.length && same > (found?.words.length ?? 0)) found = command;
  }
  if (!found) return syntaxError(reply, tokens[known]);
  return found.run(context, tokens.slice(found.words.length), reply);
}

function commonWords(words: readonly string[], tokens: readonly Token[]): number {
  let same = 0;
  while (same < words.length && tokens[same]?.kind === "word" && tokens[same]!.text === words[same]) same++;
  return same;
}

function syntaxError(reply: Reply, token: Token | undefined): void {
  reply.end(9001, `syntax error, unexpected ${token ? token.text || '""' : "end of command"}`);
}

async function protocols(
  { view, family, localTime }: BirdContext,
  [which, more]: readonly Token[],
  verbose: boolean,
  reply: Reply,
): Promise<void> {
  if (more) return syntaxError(reply, more);
  if (view.waitingFor) return reply.end(8005, `There is no configuration yet: ${view.waitingFor()}`);
  if (await showProtocols(reply, view.protocols(family, wanted(which)), { verbose, localTime })) return;
  if (which?.kind === "pattern") reply.end(8003, "No protocols match");
  else reply.end(9002, `${which?.text ?? ""} is not a protocol`);
}

function wanted(which: Token | undefined): (name: string) => boolean {
  if (which === undefined) return () => true;
  const { kind, text } = which;
  return kind === "pattern" ? (name) => matchesGlob(text, name) : (name) => name === text;
}
