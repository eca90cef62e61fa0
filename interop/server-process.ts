/** A server of the laboratory that is started and ended again and again, each time by the same command. */
import { type ChildProcess, spawn } from "node:child_process";
import { ended, poll } from "./process.ts";

export interface ServerProcess {
  /** Throws with the server's last words where it ends before it is ready. Without `isReady` nothing is waited for. */
  start(isReady?: () => Promise<boolean>): Promise<void>;
  /** Ends it at once (SIGKILL), and resolves when it is gone. */
  stop(): Promise<void>;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
}

const WORDS = 4000;

/** `name` is for messages. */
export function createServerProcess(name: string, program: string, argv: readonly string[]): ServerProcess {
  let child: ChildProcess | undefined;
  return {
    async start(isReady) {
      let lastWords = "";
      const own = spawn(program, argv, { stdio: ["ignore", "ignore", "pipe"] });
      child = own;
      own.on("error", (error) => {
        lastWords = error.message;
      });
      // A test that dies without closing takes its server with it.
      const endIt = () => void own.kill("SIGKILL");
      process.once("exit", endIt);
      own.once("close", () => process.off("exit", endIt));
      own.stderr.setEncoding("utf8").on("data", (text: string) => {
        lastWords = `${lastWords}${text}`.slice(-WORDS);
      });
      if (isReady === undefined) return;
      const look = async () => {
        if (own.pid === undefined || own.exitCode !== null || own.signalCode !== null) return "ended";
        return (await isReady()) && "ready";
      };
      const outcome = await poll(`${name} is ready`, look, { everyMs: 50, explain: () => lastWords });
      if (outcome === "ended") throw new Error(`${name} exited ${own.exitCode ?? own.signalCode}:\n${lastWords}`);
    },
    async stop() {
      const own = child;
      child = undefined;
      if (own?.pid === undefined || own.exitCode !== null || own.signalCode !== null) return;
      const gone = ended(own);
      own.kill("SIGKILL");
      await gone;
    },
    signal: (name) => void child?.kill(name),
  };
}
