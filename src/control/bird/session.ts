/** One client of a BIRD control socket: octets in, replies out, one after the other. */
import { type BirdContext, runCommand } from "./commands.ts";
import { type CommandLine, createCommandLines } from "./lines.ts";
import { createReply, type ReplyOutput } from "./reply.ts";

export interface BirdSession {
  /** First words to the client. */
  readonly welcome: string;
  /** The commands that are complete with these octets; to be answered in their order, each when the last reply is out. */
  push(chunk: Uint8Array): CommandLine[];
  answer(command: CommandLine, output: ReplyOutput): void | Promise<void>;
}

export function createBirdSession(context: BirdContext): BirdSession {
  const lines = createCommandLines();
  return {
    welcome: `0001 BIRD ${context.version} ready.\n`,
    push: (chunk) => lines.push(chunk),
    answer(command, output) {
      const reply = createReply(output);
      if (command === undefined) return reply.end(9000, "Command too long");
      return runCommand(context, command, reply);
    },
  };
}
