/** All keys below some prefixes at one revision, in pages. */
import { rangeEnd } from "../../../confgen/datastore/etcd-keys.ts";
import type { EtcdConnection } from "./connection.ts";
import { EtcdFault } from "./fault.ts";
import type { KeyValue, ResponseHeader } from "./messages.ts";

export interface Listing {
  readonly header: ResponseHeader;
  /** As long as the prefixes. */
  readonly keys: readonly (readonly KeyValue[])[];
}

/**
 * Reads are linearizable, so the listing is never older than what any member has confirmed. Rejects with a fault of kind
 * `compacted` where the revision is compacted before the last page.
 */
export async function listKeys(
  connection: EtcdConnection,
  prefixes: readonly string[],
  pageKeys: number,
): Promise<Listing> {
  let header: ResponseHeader | undefined;
  const keys: KeyValue[][] = [];
  for (const prefix of prefixes) {
    const kvs: KeyValue[] = [];
    let from: Uint8Array | undefined = Buffer.from(prefix);
    while (from !== undefined) {
      const request = {
        key: from,
        rangeEnd: Buffer.from(rangeEnd(prefix)),
        limit: pageKeys,
        revision: header?.revision ?? 0,
        serializable: false,
      };
      const page = await connection.range(request, prefix);
      if (page.header === null) throw new EtcdFault("other", "the server's answer has no header");
      header ??= page.header;
      for (const kv of page.kvs) kvs.push(kv);
      const last = page.kvs.at(-1);
      // The key right behind the last one.
      from = page.more && last !== undefined ? Buffer.concat([last.key, Buffer.of(0)]) : undefined;
    }
    keys.push(kvs);
  }
  if (header === undefined) throw new EtcdFault("other", "nothing to read");
  return { header, keys };
}
