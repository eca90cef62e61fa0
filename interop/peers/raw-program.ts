/**
 * A speaker that says what it is told to, octet by octet: node raw-program.js SOCKET LOCAL REMOTE OPEN. It connects,
 * sends OPEN (whole message, hexadecimal), and KEEPALIVEs; everything else comes as a line of JSON on the Unix socket:
 * {"send": hex} writes, any other line only asks. The answer to each is what it has heard so far.
 */
import { connect, createServer } from "node:net";

export interface RawState {
  /** Both OPENs and a KEEPALIVE went through. */
  readonly up: boolean;
  /** How often TCP was opened. */
  readonly connections: number;
  /** Whole messages but KEEPALIVEs, hexadecimal. */
  readonly messages: readonly string[];
}

const KEEPALIVE = Buffer.from(`${"ff".repeat(16)}001304`, "hex");

function main([control, local, remote, open]: string[]): void {
  const messages: string[] = [];
  let up = false;
  let connections = 0;
  let rest = Buffer.alloc(0);
  const socket = connect({ host: remote!, port: 179, localAddress: local! });
  socket.on("connect", () => {
    connections++;
    socket.write(Buffer.from(open!, "hex"));
  });
  socket.on("error", (error) => console.error(error.message));
  socket.on("close", () => {
    up = false;
  });
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 19 && rest.length >= rest.readUInt16BE(16)) {
      const one = rest.subarray(0, rest.readUInt16BE(16));
      rest = rest.subarray(one.length);
      if (one[18] === 4) up = true;
      else messages.push(one.toString("hex"));
      if (one[18] === 1 || one[18] === 4) socket.write(KEEPALIVE);
    }
  });
  createServer((client) => {
    let text = "";
    client.on("error", () => undefined);
    client.on("data", (chunk) => {
      text += chunk.toString();
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        const { send } = JSON.parse(line) as { send?: string };
        if (send !== undefined) socket.write(Buffer.from(send, "hex"));
        client.write(`${JSON.stringify({ up, connections, messages } satisfies RawState)}\n`);
      }
    });
  }).listen(control);
}

main(process.argv.slice(2));
