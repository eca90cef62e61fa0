import { closeSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { loadLibc } from "./libc.ts";
import type { NetlinkHandlers } from "./netlink-socket.ts";

/** Larger than any message of a dump (32 KiB) or notification (an attribute has at most 64 KiB). */
const READ_OCTETS = 128 * 1024;
const MSG_DONTWAIT = 0x40;
const POLL_MS = 10;
/** Reads of one poll before other work gets its turn. */
const READS_PER_POLL = 64;

/** Delivers what arrives on a descriptor and owns it from then on. */
export interface Reader {
  pause(paused: boolean): void;
  /** Closes the descriptor; nothing is delivered any more. */
  close(): void;
}

/** A stream handle of Node's, as far as it is used here. */
interface PipeHandle {
  open(fd: number): number | undefined;
}
type PipeConstructor = new (type: number) => PipeHandle;

/**
 * Reads by events when Node lets us give the descriptor to a pipe handle (its way is not documented), else by polling
 * every 10 ms. Neither blocks a thread, so the process can exit at any time.
 */
export function readDescriptor(fd: number, handlers: NetlinkHandlers): Reader {
  return pipeReader(fd, handlers) ?? pollingReader(fd, handlers);
}

/** Undefined when this Node does not offer what it takes; the descriptor is untouched then. */
function pipeReader(fd: number, handlers: NetlinkHandlers): Reader | undefined {
  const Pipe = pipeConstructor();
  if (!Pipe) return undefined;
  let handle: PipeHandle;
  try {
    handle = new Pipe(0);
    // Node 20 answers nothing or an error number; it throws only when called wrongly.
    if ((handle.open(fd) ?? 0) !== 0) return undefined;
  } catch {
    return undefined;
  }
  let closed = false;
  const socket = new Socket({
    handle,
    onread: {
      buffer: new Uint8Array(READ_OCTETS),
      callback(octets: number, bytes: Uint8Array): boolean {
        if (!closed) handlers.data(bytes.subarray(0, octets));
        return true;
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (!closed) handlers.failed(error.code ?? String(error));
    closed = true;
  });
  return {
    pause: (paused) => void (paused ? socket.pause() : socket.resume()),
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

let pipeClass: PipeConstructor | undefined;

/** The class of a listening pipe's handle; an abstract name leaves nothing in the file system. */
function pipeConstructor(): PipeConstructor | undefined {
  if (pipeClass) return pipeClass;
  const server = createServer();
  server.on("error", () => {});
  server.listen(`\0calidris-${process.pid}-${process.hrtime.bigint()}`);
  const { _handle: handle } = server as unknown as { readonly _handle?: { readonly constructor: PipeConstructor } };
  pipeClass = handle?.constructor;
  server.close();
  return typeof pipeClass?.prototype?.open === "function" ? pipeClass : undefined;
}

/** The fallback: non-blocking reads every 10 ms. */
export function pollingReader(fd: number, handlers: NetlinkHandlers): Reader {
  const libc = loadLibc();
  const bytes = new Uint8Array(READ_OCTETS);
  let paused = false;
  let closed = false;
  const close = () => {
    if (!closed) closeSync(fd);
    closed = true;
    clearInterval(timer);
  };
  const poll = () => {
    for (let n = 0; n < READS_PER_POLL && !paused && !closed; n++) {
      const octets = libc.recv(fd, bytes, bytes.length, MSG_DONTWAIT);
      if (octets > 0) handlers.data(bytes.subarray(0, octets));
      else {
        const errno = octets < 0 ? libc.errno() : 0;
        if (errno === EAGAIN || errno === EINTR) return;
        close();
        return handlers.failed(errno === ENOBUFS ? "ENOBUFS" : `errno ${errno}`);
      }
    }
  };
  const timer = setInterval(poll, POLL_MS);
  return {
    pause(now) {
      paused = now;
    },
    close,
  };
}

const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
