import { createRequire } from "node:module";
import type koffiModule from "koffi";

/** The calls of the C library that Node has no counterpart for. Each sets errno, read through `errno()` at once. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, octets: number): number;
  getsockname(fd: number, address: Uint8Array, octets: Int32Array): number;
  fcntl(fd: number, command: number, argument: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, octets: number): number;
  /** SO_ATTACH_FILTER: `program` is an array of `length` sock_filter. */
  attachFilter(fd: number, length: number, program: Uint8Array): number;
  /** Octets read, or -1. */
  recv(fd: number, bytes: Uint8Array, octets: number, flags: number): number;
  errno(): number;
}

/** The C library's name: glibc's first, then musl's and whatever the program is linked with. */
const NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

let loaded: Libc | undefined;

/** Loads the C library once, when it is first needed. Throws with what to do when it is not found. */
export function loadLibc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const koffi = createRequire(import.meta.url)("koffi") as typeof koffiModule;
  const problems: string[] = [];
  for (const name of NAMES)
    try {
      const lib = koffi.load(name);
      const attach = lib.func("setsockopt", "int", [
        "int",
        "int",
        "int",
        koffi.pointer(koffi.struct({ length: "uint16_t", program: "const uint8_t*" })),
        "uint32_t",
      ]);
      return {
        attachFilter: (fd, length, program) => attach(fd, SOL_SOCKET, SO_ATTACH_FILTER, { length, program }, 16),
        socket: lib.func("int socket(int, int, int)"),
        bind: lib.func("int bind(int, const uint8_t*, uint32_t)"),
        getsockname: lib.func("int getsockname(int, _Out_ uint8_t*, _Inout_ int32_t*)"),
        fcntl: lib.func("int fcntl(int, int, int)"),
        setsockopt: lib.func("int setsockopt(int, int, int, const uint8_t*, uint32_t)"),
        recv: lib.func("intptr_t recv(int, _Out_ uint8_t*, size_t, int)"),
        errno: () => koffi.errno(),
      };
    } catch (error) {
      problems.push(String(error));
    }
  throw new Error(
    `Cannot load the C library (tried ${NAMES.join(", ")}): ${problems[0]}; koffi needs libstdc++ and glibc or musl`,
  );
}
