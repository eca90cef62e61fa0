import { isOneLine, shown } from "./fields.ts";
import type { Kind, ResourceTypes } from "./model.ts";
import { parseBgpConfiguration } from "./parse-bgp-configuration.ts";
import { parseBgpFilter } from "./parse-bgp-filter.ts";
import { parseBgpPeer } from "./parse-bgp-peer.ts";
import { parseBlockAffinity, parseIpPool } from "./parse-ipam.ts";
import { parseEndpointSlice, parseService } from "./parse-kubernetes.ts";
import { parseNode } from "./parse-node.ts";
import { parseSecret } from "./parse-secret.ts";
import { parseWorkload } from "./parse-workload.ts";
import type { Parsed, Parser } from "./parsed.ts";

const PARSERS: { readonly [K in Kind]: Parser<ResourceTypes[K]> } = {
  Node: parseNode,
  BGPPeer: parseBgpPeer,
  BGPConfiguration: parseBgpConfiguration,
  BGPFilter: parseBgpFilter,
  IPPool: parseIpPool,
  BlockAffinity: parseBlockAffinity,
  Service: parseService,
  EndpointSlice: parseEndpointSlice,
  Secret: parseSecret,
  Workload: parseWorkload,
};

export const KINDS = Object.keys(PARSERS) as readonly Kind[];

/**
 * The resource that a v3 object (`{ metadata, spec, status }`) of the kind says, stored under the name; or why it is
 * invalid, each fault with its path. Never throws.
 */
export function parseResource<K extends Kind>(kind: K, name: string, object: unknown): Parsed<ResourceTypes[K]> {
  if (name === "" || /\s/.test(name) || !isOneLine(name))
    return { ok: false, faults: [`metadata.name: expected a name without spaces, not ${shown(name)}`] };
  return PARSERS[kind](name, object);
}
