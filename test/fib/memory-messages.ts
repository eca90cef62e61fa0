import type { KernelAddress, KernelLink } from "../../src/fib/fib.ts";
import { put16, put32 } from "../../src/fib/little-endian.ts";
import { AF, align4, IFA, IFA_F, IFF, IFLA, RTM } from "../../src/fib/rtnetlink.ts";

/** RTM_NEWLINK or RTM_DELLINK as the kernel tells it: ifinfomsg and IFLA_IFNAME. */
export function writeLinkMessage(link: KernelLink, gone: boolean, seq: number): Uint8Array {
  const octets = align4(32 + 4 + link.name.length + 1);
  const bytes = new Uint8Array(octets);
  put32(bytes, 0, octets);
  put16(bytes, 4, gone ? RTM.delLink : RTM.newLink);
  put32(bytes, 8, seq);
  put32(bytes, 20, link.ifindex);
  put32(bytes, 24, (link.up ? IFF.up : 0) | (link.carrier ? IFF.lowerUp : 0) | (link.loopback ? IFF.loopback : 0));
  put16(bytes, 32, 4 + link.name.length + 1);
  put16(bytes, 34, IFLA.name);
  for (let i = 0; i < link.name.length; i++) bytes[36 + i] = link.name.charCodeAt(i);
  return bytes;
}

/** RTM_NEWADDR or RTM_DELADDR: ifaddrmsg, IFA_LOCAL and IFA_ADDRESS. */
export function writeAddressMessage(address: KernelAddress, gone: boolean, seq: number): Uint8Array {
  const local = address.address.bytes;
  const other = address.peer?.bytes ?? local;
  const octets = 24 + 2 * (4 + local.length);
  const bytes = new Uint8Array(octets);
  put32(bytes, 0, octets);
  put16(bytes, 4, gone ? RTM.delAddress : RTM.newAddress);
  put32(bytes, 8, seq);
  bytes[16] = address.address.family === "ipv4" ? AF.inet : AF.inet6;
  bytes[17] = address.prefixLength;
  bytes[18] = address.usable ? 0 : IFA_F.tentative;
  put32(bytes, 20, address.ifindex);
  put16(bytes, 24, 4 + local.length);
  put16(bytes, 26, IFA.local);
  bytes.set(local, 28);
  put16(bytes, 28 + local.length, 4 + local.length);
  put16(bytes, 30 + local.length, IFA.address);
  bytes.set(other, 32 + local.length);
  return bytes;
}
