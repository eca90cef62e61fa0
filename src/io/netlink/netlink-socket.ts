import { closeSync, write } from "node:fs";
import { NETLINK, SOL_NETLINK } from "../../fib/rtnetlink.ts";
import { type Reader, readDescriptor } from "./descriptor-reader.ts";
import { type Libc, loadLibc } from "./libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const F_DUPFD_CLOEXEC = 1030;
const EIO = 5;
const SOL_SOCKET = 1;
const SO = { sendBuffer: 7, receiveBuffer: 8, sendBufferForce: 32, receiveBufferForce: 33 } as const;

export interface NetlinkSocketOptions {
  readonly receiveOctets: number;
  readonly sendOctets?: number;
  readonly groups?: readonly number[];
  /** Dumps are filtered as asked and unknown fields refused. */
  readonly strict?: boolean;
  /** Notifications that carry this nlmsg_pid are dropped in the kernel. */
  readonly dropPid?: number;
}

export interface NetlinkHandlers {
  /** Whole messages, valid only during the call. */
  data(bytes: Uint8Array): void;
  /** The socket failed (ENOBUFS: the receive buffer overran) and is closed. */
  failed(code: string): void;
}

export interface NetlinkSocket {
  /** nlmsg_pid of this socket. */
  readonly pid: number;
  /** Asynchronous, on libuv's pool: the kernel does the work of the messages inside the call. `done` gets an errno. */
  send(bytes: Uint8Array, done: (errno: number) => void): void;
  pause(paused: boolean): void;
  close(): void;
}

/** Opens an rtnetlink socket of the current network namespace. Throws with the errno when the system refuses. */
export function openNetlinkSocket(options: NetlinkSocketOptions, handlers: NetlinkHandlers): NetlinkSocket {
  const libc = loadLibc();
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new Error(`Cannot open a netlink socket: errno ${libc.errno()}`);
  let pid: number;
  let reader: Reader;
  // Written through a descriptor of its own: a failed read closes the other while a write may be on its way to it.
  let writing = -1;
  try {
    pid = configure(libc, fd, options);
    writing = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (writing < 0) throw new Error(`Cannot duplicate a descriptor: errno ${libc.errno()}`);
    reader = readDescriptor(fd, handlers);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let open = true;
  let writes = 0;
  const closeWriting = () => {
    if (!open && writes === 0) closeSync(writing);
  };
  return {
    pid,
    send(bytes, done) {
      if (!open) return;
      writes++;
      write(writing, bytes, 0, bytes.length, null, (error) => {
        writes--;
        closeWriting();
        if (open) done(error ? Math.abs(error.errno ?? EIO) : 0);
      });
    },
    pause: (paused) => reader.pause(paused),
    close() {
      if (!open) return;
      open = false;
      reader.close();
      closeWriting();
    },
  };
}

/** Sets the options, binds and returns the port id that the kernel chose. */
function configure(libc: Libc, fd: number, options: NetlinkSocketOptions): number {
  const set = (level: number, name: number, value: number) => libc.setsockopt(fd, level, name, int(value), 4) === 0;
  // FORCE needs CAP_NET_ADMIN; without it the system's limit holds.
  if (!set(SOL_SOCKET, SO.receiveBufferForce, options.receiveOctets))
    set(SOL_SOCKET, SO.receiveBuffer, options.receiveOctets);
  if (options.sendOctets !== undefined && !set(SOL_SOCKET, SO.sendBufferForce, options.sendOctets))
    set(SOL_SOCKET, SO.sendBuffer, options.sendOctets);
  set(SOL_NETLINK, NETLINK.extAck, 1);
  set(SOL_NETLINK, NETLINK.capAck, 1);
  if (options.strict) set(SOL_NETLINK, NETLINK.strictCheck, 1);
  if (options.dropPid !== undefined) attachFilter(libc, fd, options.dropPid);
  const address = new Uint8Array(12);
  address[0] = AF_NETLINK;
  if (libc.bind(fd, address, 12) !== 0) throw new Error(`Cannot bind a netlink socket: errno ${libc.errno()}`);
  const length = new Int32Array([12]);
  if (libc.getsockname(fd, address, length) !== 0)
    throw new Error(`Cannot read the netlink port id: errno ${libc.errno()}`);
  for (const group of options.groups ?? [])
    if (!set(SOL_NETLINK, NETLINK.addMembership, group))
      throw new Error(`Cannot join the rtnetlink group ${group}: errno ${libc.errno()}`);
  return new DataView(address.buffer).getInt32(4, true);
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/**
 * A classic BPF program: load nlmsg_pid (word at 12, which BPF reads big-endian), drop the message if it is `pid`. A
 * convenience only, for the load: who reads checks the port id again.
 */
function attachFilter(libc: Libc, fd: number, pid: number): void {
  const program = new Uint8Array(4 * 8);
  const view = new DataView(program.buffer);
  const swapped = new DataView(int(pid).buffer).getUint32(0, false);
  const rows = [
    [0x20, 0, 0, 12], // ld [12]
    [0x15, 0, 1, swapped], // jeq #pid, next, skip 1
    [0x06, 0, 0, 0], // ret #0
    [0x06, 0, 0, 0xffffffff], // ret #all
  ] as const;
  for (const [i, [code, ifTrue, ifFalse, k]] of rows.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, ifTrue);
    view.setUint8(i * 8 + 3, ifFalse);
    view.setUint32(i * 8 + 4, k, true);
  }
  libc.attachFilter(fd, rows.length, program);
}
