import { attributeEnd, attributeValue } from "../bgp/attribute-octets.ts";
import { ATTRIBUTE } from "../bgp/iana.ts";
import { u32 } from "../bgp/octets.ts";

/**
 * Occurrences of an AS in the AS_PATH of canonical octets, counted no further than `enough` + 1. Confederation segments
 * and sets count as well: an AS in them is a loop too.
 */
export function occurrencesOfAs(octets: Uint8Array, from: number, to: number, asn: number, enough: number): number {
  const header = headerOf(octets, from, to, ATTRIBUTE.asPath.code);
  if (header < 0) return 0;
  const end = attributeEnd(octets, header);
  let count = 0;
  for (let p = attributeValue(octets, header); p < end && count <= enough; p += 2 + 4 * octets[p + 1]!)
    for (let i = 0; i < octets[p + 1]!; i++) if (u32(octets, p + 2 + 4 * i) === asn) count++;
  return count;
}

/** COMMUNITIES of canonical octets hold the community. */
export function holdsCommunity(octets: Uint8Array, from: number, to: number, community: number): boolean {
  const header = headerOf(octets, from, to, ATTRIBUTE.communities.code);
  if (header < 0) return false;
  const end = attributeEnd(octets, header);
  for (let p = attributeValue(octets, header); p < end; p += 4) if (u32(octets, p) === community) return true;
  return false;
}

/** The CLUSTER_LIST of canonical octets holds the id. */
export function holdsCluster(octets: Uint8Array, from: number, to: number, clusterId: number): boolean {
  const header = headerOf(octets, from, to, ATTRIBUTE.clusterList.code);
  if (header < 0) return false;
  const end = attributeEnd(octets, header);
  for (let p = attributeValue(octets, header); p < end; p += 4) if (u32(octets, p) === clusterId) return true;
  return false;
}

/** Where the attribute of the type begins; -1 when it is absent. */
function headerOf(octets: Uint8Array, from: number, to: number, type: number): number {
  for (let at = from; at < to; at = attributeEnd(octets, at)) if (octets[at + 1] === type) return at;
  return -1;
}
