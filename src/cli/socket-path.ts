import { lstatSync } from "node:fs";
import { join } from "node:path";

/** Where the daemon's control socket is when nobody says. */
export const DEFAULT_SOCKET = "/run/calidris/control.sock";

/** `control.state` beside `control.sock`. */
export function stateBeside(socket: string): string {
  return `${socket.replace(/\.sock$/, "")}.state`;
}

/** The folder of this user's demonstration; its name is the same for every run. */
export function demoFolder(): string {
  return join(process.env.XDG_RUNTIME_DIR || "/tmp", `calidris-demo-${process.getuid?.() ?? 0}`);
}

function demoSocket(): string {
  return join(demoFolder(), "control.sock");
}

/** As told by option or environment; else the daemon's, and where there is none, that of a running demonstration. */
export function socketPath(option: string | undefined): string {
  const told = option ?? process.env.CALIDRIS_SOCKET;
  if (told) return told;
  if (!isThere(DEFAULT_SOCKET) && isOurs(demoFolder()) && isThere(demoSocket())) return demoSocket();
  return DEFAULT_SOCKET;
}

/** Whether there is a socket of that path; whether anybody answers is another matter. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
  } catch {
    return false;
  }
}

/** In a folder for everybody, somebody else may have made it. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}
