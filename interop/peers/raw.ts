/** A scripted speaker on a node of a laboratory: messages go out as they are given, whatever they say. */
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LabNode } from "../lab.ts";
import { poll } from "../process.ts";
import { signalTo } from "./bird.ts";
import type { RawState } from "./raw-program.ts";

export type { RawState } from "./raw-program.ts";

const PROGRAM = fileURLToPath(new URL("./raw-program.js", import.meta.url));

export interface RawPlan {
  readonly local: string;
  readonly remote: string;
  /** OPEN, the whole message. */
  readonly open: Uint8Array;
}

export interface RawSpeaker {
  state(): Promise<RawState>;
  send(octets: Uint8Array): Promise<void>;
  until(what: string, holds: (state: RawState) => boolean): Promise<RawState>;
  /** TCP ends without a word. */
  kill(): Promise<void>;
}

let started = 0;

/** Connects at once, and once only. */
export async function startRaw(node: LabNode, { local, remote, open }: RawPlan): Promise<RawSpeaker> {
  const folder = await node.folder("raw");
  const socket = join(folder, `${started++}.sock`);
  const hex = Buffer.from(open).toString("hex");
  const running = await node.spawn("raw", folder, [process.execPath, PROGRAM, socket, local, remote, hex]);
  const ask = (line: object) =>
    new Promise<RawState>((resolve, reject) => {
      const client = connect(socket, () => client.write(`${JSON.stringify(line)}\n`));
      let text = "";
      client.on("error", reject);
      client.on("data", (chunk) => {
        text += chunk.toString();
        if (!text.endsWith("\n")) return;
        client.end();
        resolve(JSON.parse(text) as RawState);
      });
    });
  const explain = async () => `${await running.log()}\n${JSON.stringify(await ask({}).catch(String))}`;
  return {
    state: () => ask({}),
    send: async (octets) => void (await ask({ send: Buffer.from(octets).toString("hex") })),
    until: (what, holds) =>
      poll(
        `raw speaker on ${node.name}: ${what}`,
        async () => {
          const state = await ask({}).catch(() => undefined);
          return state !== undefined && holds(state) ? state : undefined;
        },
        { explain },
      ),
    async kill() {
      signalTo(running.pid, "SIGKILL");
      await running.exited;
    },
  };
}
