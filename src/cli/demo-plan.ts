/** What is the same in all parts of the demonstration. */

export interface DemoPlan {
  /** Configurations, logs and the control socket. */
  readonly folder: string;
  readonly socket: string;
  /** End after the first success. */
  readonly once: boolean;
  /** How a person starts a command here. */
  readonly command: string;
}

export const NET = {
  ours: { address: "10.9.0.1", asn: 65001, device: "demo0" },
  neighbour: { address: "10.9.0.2", asn: 65002, device: "demo1" },
  length: 24,
  /** What the neighbour announces, and an address of it that answers pings. */
  route: "203.0.113.0/24",
  host: "203.0.113.1",
  /** What we announce. */
  own: "198.51.100.0/24",
  /** Known to both ends of a demonstration only. */
  password: "a-key-for-this-demo",
} as const;

/** The demonstration gives up after so long. */
export const DEADLINE_MS = 50_000;
