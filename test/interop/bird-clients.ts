/** Clients of the BIRD dialect on real sockets: a bare one, and Debian's birdc. */
import { once } from "node:events";
import { connect } from "node:net";
import type { LabNode } from "../../interop/lab.ts";
import { overlaid, SHARED } from "../../interop/overlay.ts";
import { unpacked } from "../../interop/packages.ts";
import type { Finished } from "../../interop/process.ts";

/** All that the socket says to these commands, the welcome first. Rejects where nobody serves it. */
export async function askSocket(path: string, ...commands: readonly string[]): Promise<string> {
  const socket = connect({ path });
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  socket.end(commands.map((command) => `${command}\n`).join(""));
  await once(socket, "close");
  return heard;
}

/** BIRD 1.6's own client, asked once. `folder` is a folder of the node in which the socket stands. */
export async function birdc(
  node: LabNode,
  folder: string,
  socket: "bird.ctl" | "bird6.ctl",
  ...words: readonly string[]
): Promise<Finished> {
  const argv = ["/usr/sbin/birdc", "-s", `${SHARED}/${socket}`, ...words];
  return node.exec(overlaid(await unpacked("bird1"), folder, argv), { anyExit: true });
}
