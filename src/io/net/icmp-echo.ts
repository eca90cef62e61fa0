import koffi from "koffi";

// The running process already has the C library, glibc or musl, so no file name is needed.
const libc = koffi.load(null);
const cSocket = libc.func("int socket(int domain, int type, int protocol)");
const cClose = libc.func("int close(int fd)");
const cSendto = libc.func(
  "intptr_t sendto(int fd, const void *bytes, size_t octets, int flags, const void *address, uint32_t size)",
);
const cRecv = libc.func("intptr_t recv(int fd, _Out_ uint8_t *bytes, size_t octets, int flags)");

const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_ICMP = 1;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const POLL_MS = 1;

/**
 * Pings an IPv4 address once. Resolves to the round trip in milliseconds, accurate to about one, or undefined when nothing
 * answered in time. Needs CAP_NET_RAW; rejects where the socket is refused or there is no route.
 */
export async function pingOnce(address: Uint8Array, timeoutMs: number): Promise<number | undefined> {
  const fd = cSocket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP) as number;
  if (fd < 0) throw new Error(`Cannot open a socket for ICMP: errno ${koffi.errno()}`);
  try {
    const id = process.pid & 0xffff;
    const sentAt = performance.now();
    const request = echoRequest(id, 1);
    // struct sockaddr_in: family in the machine's order (little-endian), port 0, address.
    const to = Uint8Array.of(AF_INET, 0, 0, 0, ...address, 0, 0, 0, 0, 0, 0, 0, 0);
    if ((cSendto(fd, request, request.length, 0, to, to.length) as number) < 0)
      throw new Error(`Cannot send an ICMP echo: errno ${koffi.errno()}`);
    const reply = new Uint8Array(256);
    for (;;) {
      const octets = cRecv(fd, reply, reply.length, 0) as number;
      const elapsed = performance.now() - sentAt;
      if (octets > 0 && isReply(reply.subarray(0, octets), address, id)) return elapsed;
      if (elapsed > timeoutMs) return undefined;
      if (octets <= 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    cClose(fd);
  }
}

/** RFC 792: type, code, checksum, identifier, sequence number, and some data. */
function echoRequest(id: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(40);
  bytes.set([ECHO_REQUEST, 0, 0, 0, id >> 8, id & 0xff, sequence >> 8, sequence & 0xff]);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes.set([(~sum >> 8) & 0xff, ~sum & 0xff], 2);
  return bytes;
}

/** A raw socket hands out whole IPv4 packets, those for others too. */
function isReply(packet: Uint8Array, from: Uint8Array, id: number): boolean {
  const header = (packet[0]! & 0x0f) * 4;
  if (packet.length < header + 8 || packet[header] !== ECHO_REPLY) return false;
  if (((packet[header + 4]! << 8) | packet[header + 5]!) !== id) return false;
  return from.every((octet, i) => packet[12 + i] === octet);
}
