/** Asks a BIRD that runs, over its control socket, and changes nothing: the only commands are `show`. */
import { connect, type Socket } from "node:net";

export interface BirdClient {
  /** The reply's lines without codes. Throws with BIRD's words where it refuses. */
  show(what: string): Promise<readonly string[]>;
  close(): void;
}

/** A reply may be long, but it does not pause for so long. */
const SILENCE_MS = 10_000;
/** Octets of a reply; a full table in words is about 300 a route. */
const REPLY_OCTETS = 1024 * 1024 * 1024;
/** No line of BIRD is nearly as long; what follows without an end is none of its. */
const LINE_OCTETS = 1024 * 1024;

/** Rejects where there is no BIRD behind the socket. */
export async function openBird(path: string): Promise<BirdClient> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(new Error(`${path}: ${wordsOf(error)}`)));
  });
  const reader = readReplies(socket, path);
  try {
    const [welcome] = await reader.next();
    if (!welcome?.startsWith("BIRD ")) throw new Error(`${path}: this is not BIRD: ${welcome ?? ""}`);
  } catch (error) {
    // Left open it would keep the process from ending.
    socket.destroy();
    throw error;
  }
  return {
    show(what) {
      socket.write(`show ${what}\n`);
      return reader.next();
    },
    close: () => void socket.destroy(),
  };
}

/** Gives the replies one after the other; each ends with a line whose code is followed by a blank. */
function readReplies(socket: Socket, path: string): { next(): Promise<string[]> } {
  let rest = "";
  let lines: string[] = [];
  let octets = 0;
  let failure: Error | undefined;
  const whole: { lines: string[]; code: number }[] = [];
  let wake: () => void = () => undefined;
  const fail = (error: Error) => {
    failure ??= new Error(`${path}: ${wordsOf(error)}`);
    socket.destroy();
    wake();
  };
  socket.setEncoding("utf8");
  socket.on("timeout", () => fail(new Error(`no answer for ${SILENCE_MS / 1000} s`)));
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("BIRD closed the connection")));
  socket.on("data", (chunk: string) => {
    octets += chunk.length;
    if (octets > REPLY_OCTETS) return fail(new Error("its answer does not end"));
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    if (rest.length > LINE_OCTETS) return fail(new Error("a line of its answer does not end"));
    for (const part of parts) {
      const coded = /^(\d{4})([- ])(.*)$/.exec(part);
      lines.push(coded ? coded[3]! : part.slice(1));
      if (coded?.[2] !== " ") continue;
      whole.push({ lines, code: Number(coded[1]) });
      lines = [];
      octets = 0;
    }
    if (whole.length > 0) wake();
  });
  return {
    async next() {
      socket.setTimeout(SILENCE_MS);
      while (whole.length === 0) {
        if (failure) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      socket.setTimeout(0);
      const { lines: said, code } = whole.shift()!;
      if (code >= 8000) throw new BirdRefusal(said.at(-1) ?? String(code), code);
      return said;
    },
  };
}

/** BIRD's own words, as `Protocol is down`. */
export class BirdRefusal extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

function wordsOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such socket: is BIRD running here?";
  if (code === "ECONNREFUSED") return "nobody listens there: BIRD has ended";
  if (code === "EACCES") return "permission denied";
  return error.message;
}
