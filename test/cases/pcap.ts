/** Reads pcap and pcapng captures as far as TCP streams need it. */

interface Packet {
  readonly linkType: number;
  readonly data: Uint8Array;
}

/** Octets of one direction of a TCP connection, without gaps; after a gap another stream begins. */
export interface TcpStream {
  /** `address.port > address.port`, addresses in hexadecimal. */
  readonly flow: string;
  readonly reverse: string;
  readonly octets: Uint8Array;
}

export function readTcpStreams(file: Uint8Array): TcpStream[] {
  const flows = new Map<string, { reverse: string; segments: { seq: number; data: Uint8Array }[] }>();
  for (const { linkType, data } of readPackets(file)) {
    const segment = tcpSegment(linkType, data);
    if (!segment || segment.data.length === 0) continue;
    const flow = flows.get(segment.flow) ?? { reverse: segment.reverse, segments: [] };
    flow.segments.push(segment);
    flows.set(segment.flow, flow);
  }
  return [...flows].flatMap(([flow, { reverse, segments }]) =>
    joinSegments(segments).map((octets) => ({ flow, reverse, octets })),
  );
}

/** Puts segments in order of sequence numbers, relative to the first seen, and drops what was sent again. */
function joinSegments(segments: readonly { seq: number; data: Uint8Array }[]): Uint8Array[] {
  const first = segments[0]!.seq;
  const ordered = segments.map(({ seq, data }) => ({ at: (seq - first) | 0, data })).sort((a, b) => a.at - b.at);
  const streams: number[][] = [];
  let next = Number.NaN;
  for (const { at, data } of ordered) {
    const known = next - at;
    if (!(known >= 0)) streams.push([]);
    streams.at(-1)!.push(...data.subarray(known >= 0 ? Math.min(known, data.length) : 0));
    next = known >= 0 ? Math.max(next, at + data.length) : at + data.length;
  }
  return streams.map((stream) => Uint8Array.from(stream));
}

function readPackets(file: Uint8Array): Packet[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  return view.getUint32(0) === 0x0a0d0d0a ? readPcapng(file, view) : readPcap(file, view);
}

function readPcap(file: Uint8Array, view: DataView): Packet[] {
  const little = view.getUint32(0, true) === 0xa1b2c3d4;
  const linkType = view.getUint32(20, little);
  const out: Packet[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const captured = view.getUint32(at + 8, little);
    out.push({ linkType, data: file.subarray(at + 16, Math.min(file.length, at + 16 + captured)) });
    at += 16 + captured;
  }
  return out;
}

function readPcapng(file: Uint8Array, view: DataView): Packet[] {
  const linkTypes: number[] = [];
  const out: Packet[] = [];
  let little = true;
  for (let at = 0; at + 12 <= file.length; ) {
    const type = view.getUint32(at, true);
    if (type === 0x0a0d0d0a) little = view.getUint32(at + 8, true) === 0x1a2b3c4d;
    const length = view.getUint32(at + 4, little);
    if (type === 1) linkTypes.push(view.getUint16(at + 8, little));
    if (type === 6) {
      const captured = view.getUint32(at + 20, little);
      const linkType = linkTypes[view.getUint32(at + 8, little)] ?? 1;
      out.push({ linkType, data: file.subarray(at + 28, at + 28 + captured) });
    }
    if (length < 12) break;
    at += length;
  }
  return out;
}

function tcpSegment(linkType: number, packet: Uint8Array) {
  const ip = ipPacket(linkType, packet);
  if (!ip || ip.length < 20) return undefined;
  const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
  const v6 = ip[0]! >> 4 === 6;
  if (v6 && ip.length < 40) return undefined;
  const header = v6 ? 40 : (ip[0]! & 15) * 4;
  const total = v6 ? 40 + view.getUint16(4) : view.getUint16(2);
  if ((v6 ? ip[6] : ip[9]) !== 6 || ip.length < header + 20) return undefined;
  const end = total > header ? Math.min(total, ip.length) : ip.length;
  const hex = (from: number, to: number) => Buffer.from(ip.subarray(from, to)).toString("hex");
  const source = `${v6 ? hex(8, 24) : hex(12, 16)}.${view.getUint16(header)}`;
  const target = `${v6 ? hex(24, 40) : hex(16, 20)}.${view.getUint16(header + 2)}`;
  const dataAt = header + (ip[header + 12]! >> 4) * 4;
  return {
    flow: `${source} > ${target}`,
    reverse: `${target} > ${source}`,
    seq: view.getUint32(header + 4),
    data: ip.subarray(Math.min(dataAt, end), end),
  };
}

/** Strips the link header: Ethernet (with VLAN tags), raw IP, Linux cooked. */
function ipPacket(linkType: number, packet: Uint8Array): Uint8Array | undefined {
  if (linkType === 101) return packet;
  let at = linkType === 113 ? 14 : 12;
  const etherType = () => (packet[at]! << 8) | packet[at + 1]!;
  while (etherType() === 0x8100 || etherType() === 0x88a8) at += 4;
  return etherType() === 0x0800 || etherType() === 0x86dd ? packet.subarray(at + 2) : undefined;
}
