/** Which servers of those that DNS names are tried. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdOptions } from "../../src/confgen/datastore/etcd-options.ts";
import { findEndpoints } from "../../src/io/datastore/etcd/endpoints.ts";
import { type SrvRecord, TUNING } from "../../src/io/datastore/etcd/tuning.ts";

const record = (name: string, priority = 0, weight = 0): SrvRecord => ({ name, port: 2379, priority, weight });

/** `secure` and `plain`: what DNS has under either name. */
function found(secure: readonly SrvRecord[], plain: readonly SrvRecord[], options: Partial<EtcdOptions> = {}) {
  const resolveSrv = async (name: string) => {
    const records = name.startsWith("_etcd-client-ssl.") ? secure : plain;
    if (records.length === 0) throw Object.assign(new Error(), { code: "ENOTFOUND" });
    return records;
  };
  const asked = { endpoints: [], discoverySrv: "example.org", ...options };
  return findEndpoints(asked, { ...TUNING, resolveSrv }, new AbortController().signal);
}

describe("the servers that DNS names", () => {
  test("are tried by priority, and among equals the heavier first", async () => {
    const records = [record("c.", 20), record("b.", 10, 1), record("a.", 10, 9)];
    assert.deepEqual(await found([], records), ["http://a:2379", "http://b:2379", "http://c:2379"]);
  });

  test("are not asked in the clear where there are some with TLS", async () => {
    assert.deepEqual(await found([record("a")], [record("a"), record("b")]), ["https://a:2379"]);
  });

  test("are not asked in the clear where certificates are configured", async () => {
    await assert.rejects(
      found([], [record("a")], { caFile: "/ca.crt" }),
      /^EtcdFault: DNS has no SRV record _etcd-client-ssl\._tcp\.example\.org \(ENOTFOUND\), and certificates/,
    );
  });
});
