/**
 * The nodes that take part in BGP, by name, by address and by selector. Each compilation brings it up to date with the view;
 * it then costs one look at each node, and work only for those that changed.
 */
import { isMulticast, unusable } from "../../config/check-peer.ts";
import { FAMILIES, type Family, parseAddress } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type { NodeResource } from "../resources/model.ts";
import type { ResourceView } from "../resources/view.ts";
import type { Selector } from "../selector/selector.ts";
import { faultFinding } from "./faults.ts";

/** A node as a peer. A row that differs in anything is another object, so that it may stand as a key of a memo. */
export interface NodeRow {
  readonly node: NodeResource;
  readonly name: string;
  /** Canonical text, of those that a peer may have. */
  readonly addresses: { readonly [F in Family]?: string };
  readonly asn?: number;
  readonly clusterId?: string;
  /** `listenPort` of its own BGPConfiguration. */
  readonly port?: number;
  /** Of addresses that cannot be used. */
  readonly findings: readonly Finding[];
}

export interface NodeIndex {
  /** All, in order of names. */
  readonly all: readonly NodeRow[];
  named(name: string): NodeRow | undefined;
  /** Those with the address, in order of names. */
  at(address: string): readonly NodeRow[];
  /** Whether any address is of several nodes. */
  readonly hasTwins: boolean;
  /** Those whose labels match, in order of names. */
  matching(selector: Selector): readonly NodeRow[];
}

export interface UpdatedNodeIndex extends NodeIndex {
  /** Takes over what changed in the view. Gives what is to be said of its nodes, but not of our own one's validity. */
  update(resources: ResourceView, ownName: string): Finding[];
}

interface Matches {
  readonly selector: Selector;
  readonly rows: NodeRow[];
  /** The update in which it was last asked for. */
  usedAt: number;
}

const NONE: readonly NodeRow[] = [];

export function createNodeIndex(): UpdatedNodeIndex {
  const byName = new Map<string, NodeRow>();
  const byAddress = new Map<string, NodeRow[]>();
  const bySelector = new Map<string, Matches>();
  const all: NodeRow[] = [];
  let updates = 0;
  /** Rows beyond the first of each address. */
  let twins = 0;

  function add(row: NodeRow): void {
    byName.set(row.name, row);
    insert(all, row);
    for (const family of FAMILIES) {
      const address = row.addresses[family];
      if (address === undefined) continue;
      const rows = byAddress.get(address);
      if (rows) {
        insert(rows, row);
        twins++;
      } else byAddress.set(address, [row]);
    }
    for (const { selector, rows } of bySelector.values()) if (selector.matches(row.node.labels)) insert(rows, row);
  }

  function remove(row: NodeRow): void {
    byName.delete(row.name);
    take(all, row);
    for (const family of FAMILIES) {
      const address = row.addresses[family];
      const rows = address === undefined ? undefined : byAddress.get(address);
      if (!rows) continue;
      take(rows, row);
      if (rows.length === 0) byAddress.delete(address!);
      else twins--;
    }
    for (const { rows } of bySelector.values()) take(rows, row);
  }

  return {
    all,
    named: (name) => byName.get(name),
    get hasTwins() {
      return twins > 0;
    },
    at: (address) => byAddress.get(address) ?? NONE,
    matching(selector) {
      let matches = bySelector.get(selector.text);
      if (!matches) {
        matches = { selector, rows: all.filter(({ node }) => selector.matches(node.labels)), usedAt: updates };
        bySelector.set(selector.text, matches);
      }
      matches.usedAt = updates;
      return matches.rows;
    },
    update(resources, ownName) {
      for (const [text, { usedAt }] of bySelector) if (usedAt < updates) bySelector.delete(text);
      updates++;
      const findings: Finding[] = [];
      const ports = listenPorts(resources, ownName, findings);
      const nodes = resources.Node;
      let present = 0;
      for (const [name, entry] of nodes) {
        if (entry.faults && name !== ownName) findings.push(faultFinding("Node", name, entry, WITHOUT_NODE)!);
        const node = entry.value;
        if (!node?.bgp) continue;
        present++;
        const port = ports.get(name);
        let row = byName.get(name);
        if (row?.node !== node || row.port !== port) {
          if (row) remove(row);
          row = rowOf(node, port);
          add(row);
        }
        if (row.findings.length > 0) findings.push(...row.findings);
      }
      if (present < byName.size) for (const row of all.slice()) if (!nodes.get(row.name)?.value?.bgp) remove(row);
      return findings;
    },
  };
}

const WITHOUT_NODE = "no session goes to it";

function rowOf(node: NodeResource, port: number | undefined): NodeRow {
  const findings: Finding[] = [];
  const addresses: { [F in Family]?: string } = {};
  for (const family of FAMILIES) {
    const address = node.bgp?.[family]?.address;
    if (address === undefined) continue;
    const fault = addressFault(address);
    if (fault === undefined) addresses[family] = address;
    else {
      const message = `Its address cannot be used for BGP: ${fault}; no session of its family goes to it, nor comes from it`;
      findings.push({ severity: "error", code: "address-unusable", resource: `Node/${node.name}`, message });
    }
  }
  return {
    node,
    name: node.name,
    addresses,
    ...(node.bgp?.asn !== undefined && { asn: node.bgp.asn }),
    ...(node.bgp?.clusterId !== undefined && { clusterId: node.bgp.clusterId }),
    ...(port !== undefined && { port }),
    findings,
  };
}

/** What BGPPeers may name: it stands in the configuration as in BIRD's, and nothing comes of it. */
export function isMulticastText(text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && isMulticast(address);
}

/** Why no session can have the address at one of its ends; undefined: it can. */
export function addressFault(text: string): string | undefined {
  const address = parseAddress(text);
  return address ? unusable(address) : `\`${text}\` is no address`;
}

/** `listenPort` of the nodes' own BGPConfigurations, by the name of the node. */
function listenPorts({ BGPConfiguration }: ResourceView, ownName: string, findings: Finding[]): Map<string, number> {
  const ports = new Map<string, number>();
  for (const [name, entry] of BGPConfiguration) {
    if (!name.startsWith(NODE_PREFIX)) continue;
    const node = name.slice(NODE_PREFIX.length);
    const port = entry.value?.listenPort;
    if (port !== undefined) ports.set(node, port);
    if (entry.faults && node !== ownName)
      findings.push(
        faultFinding("BGPConfiguration", name, entry, `${node} is taken to have no listenPort of its own`)!,
      );
  }
  return ports;
}

const NODE_PREFIX = "node.";

/** Place of the first row whose name is not before it. */
function placeOf(rows: readonly NodeRow[], name: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(rows: NodeRow[], row: NodeRow): void {
  const last = rows.at(-1);
  if (!last || last.name < row.name) rows.push(row);
  else rows.splice(placeOf(rows, row.name), 0, row);
}

function take(rows: NodeRow[], row: NodeRow): void {
  const at = placeOf(rows, row.name);
  if (rows[at] === row) rows.splice(at, 1);
}
