/** The resource that an origin names first: `BGPPeer/tor-a` of `BGPPeer/tor-a, Node/n2`. */
export function firstOf(origin: string): string {
  const end = /[ ,]/.exec(origin)?.index ?? origin.length;
  return origin.slice(0, end);
}
