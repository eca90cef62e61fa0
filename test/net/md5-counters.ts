import { readFileSync } from "node:fs";

/** Segments the kernel dropped because of TCP-MD5, over all connections of the network namespace since it began. */
export interface Md5Counters {
  /** A signature was expected and there was none. */
  readonly notFound: number;
  /** There was a signature though no key is set for the sender. */
  readonly unexpected: number;
  /** The signature did not match: the keys differ. */
  readonly failure: number;
}

/** Reads the counters of /proc/net/netstat; undefined where there are none. */
export function readMd5Counters(path = "/proc/net/netstat"): Md5Counters | undefined {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
  return parseMd5Counters(text);
}

/** Two lines per group: names, then values in the same order. */
export function parseMd5Counters(text: string): Md5Counters | undefined {
  const [names, values] = text.split("\n").filter((line) => line.startsWith("TcpExt:"));
  if (names === undefined || values === undefined) return undefined;
  const columns = names.split(" ");
  const numbers = values.split(" ");
  const of = (name: string) => Number(numbers[columns.indexOf(name)] ?? 0);
  return { notFound: of("TCPMD5NotFound"), unexpected: of("TCPMD5Unexpected"), failure: of("TCPMD5Failure") };
}
