/** The C library's socket calls that Node's `net` does not offer. Each returns 0 (or a value) or a negative errno. */
import koffi from "koffi";

// The running process already has the C library, glibc or musl, so no file name is needed.
const libc = koffi.load(null);

const cSocket = libc.func("int socket(int domain, int type, int protocol)");
const cBind = libc.func("int bind(int fd, const void *address, uint32_t size)");
const cListen = libc.func("int listen(int fd, int backlog)");
const cClose = libc.func("int close(int fd)");
const cSetsockopt = libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)");
const cGetsockopt = libc.func(
  "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *size)",
);
const cIoctl = libc.func("int ioctl(int fd, unsigned long request, _Out_ int *value)");
const cSend = libc.func("intptr_t send(int fd, const void *octets, size_t size, int flags)");
const cIfNameToIndex = libc.func("uint32_t if_nametoindex(const char *name)");
const cIfIndexToName = libc.func("void *if_indextoname(uint32_t index, _Out_ uint8_t *name)");

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const FIONREAD = 0x541b;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
export const AF_INET = 2;
export const AF_INET6 = 10;

function checked(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

/** A non-blocking TCP socket of the family: its descriptor, or a negative errno. */
export function openSocket(domain: number): number {
  return checked(cSocket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

export function bindSocket(fd: number, address: Uint8Array): number {
  return checked(cBind(fd, address, address.length));
}

export function listenSocket(fd: number, backlog: number): number {
  return checked(cListen(fd, backlog));
}

export function closeSocket(fd: number): void {
  cClose(fd);
}

export function setOption(fd: number, level: number, name: number, value: Uint8Array): number {
  return checked(cSetsockopt(fd, level, name, value, value.length));
}

const word = new Int32Array(1);
const wordOctets = new Uint8Array(word.buffer);

/** Sets an option whose value is a C int. */
export function setIntOption(fd: number, level: number, name: number, value: number): number {
  word[0] = value;
  return checked(cSetsockopt(fd, level, name, wordOctets, 4));
}

/** Reads an option whose value is a C int, or a negative errno. */
export function getIntOption(fd: number, level: number, name: number): number {
  const value = new Uint8Array(4);
  const status = checked(cGetsockopt(fd, level, name, value, [4]));
  return status < 0 ? status : new Int32Array(value.buffer)[0]!;
}

/** Reads an option of up to so many octets: those the system gave, or a negative errno. */
export function getOption(fd: number, level: number, name: number, octets: number): Uint8Array | number {
  const value = new Uint8Array(octets);
  const size = [octets];
  const status = checked(cGetsockopt(fd, level, name, value, size));
  return status < 0 ? status : value.subarray(0, size[0]);
}

const count = [0];

/** Octets that wait in the socket's receive queue; 0 when the descriptor is not usable. */
export function unreadOctets(fd: number): number {
  if (fd < 0) return 0;
  count[0] = 0;
  return cIoctl(fd, FIONREAD, count) < 0 ? 0 : count[0];
}

/**
 * Octets that the kernel takes at once; negative when it takes none now or the connection has failed. `more` follows
 * immediately, so what does not fill a segment may wait for it.
 */
export function sendNow(fd: number, bytes: Uint8Array, more: boolean): number {
  return cSend(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

/** Index of an interface, 0 when there is none of that name. */
export function interfaceIndex(name: string): number {
  return cIfNameToIndex(name);
}

/** Name of an interface, undefined when there is none of that index. */
export function interfaceName(index: number): string | undefined {
  const name = new Uint8Array(16);
  if (cIfIndexToName(index, name) === null) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
