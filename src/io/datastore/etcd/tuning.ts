/** Times and sizes of the client. What is set here is for servers that answer in milliseconds when they are well. */
import { resolveSrv } from "node:dns/promises";

export interface EtcdTuning {
  /** An answer that takes longer is none. */
  readonly requestMs: number;
  /** A silent connection is asked for a sign of life this often; etcd itself takes more than one in 5 s for an attack. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Delays between rounds over all endpoints. */
  readonly backoffLeastMs: number;
  readonly backoffMostMs: number;
  /** Keys in one answer. */
  readonly pageKeys: number;
  /** An answer that is larger is an error: what a node reads stays far below. */
  readonly answerOctets: number;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly resolveSrv: (name: string) => Promise<readonly SrvRecord[]>;
}

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export const TUNING: EtcdTuning = {
  requestMs: 10_000,
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 5_000,
  backoffLeastMs: 200,
  backoffMostMs: 5_000,
  pageKeys: 500,
  answerOctets: 64 * 1024 * 1024,
  nowMs: () => performance.now(),
  random: Math.random,
  resolveSrv,
};
