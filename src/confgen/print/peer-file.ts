/** The file of one peer: flat, and written by hand, because there are thousands. */
import type { Peer } from "../compile/document.ts";
import type { GeneratedFile } from "../generation.ts";
import { oneLine, quoted, scalarText } from "./yaml.ts";

export function peerFile(
  { session, group, import: importName, export: exportName }: Peer,
  ownAsn: number,
): GeneratedFile {
  let text = `# ${oneLine(session.origin)}\nname: ${scalarText(session.name)}\ngroup: ${scalarText(group.name)}\n`;
  text += `address: ${scalarText(session.address)}\n`;
  if (session.port !== group.port && session.port !== undefined) text += `port: ${session.port}\n`;
  if (session.asn !== group.asn) text += `asn: ${session.asn}\n`;
  if (session.sourceAddress !== group.localAddress && session.sourceAddress !== undefined)
    text += `localAddress: ${scalarText(session.sourceAddress)}\n`;
  const passive = group.passiveByAddress && session.address > group.localAddress!;
  if (session.passive !== passive) text += `passive: ${session.passive}\n`;
  if (session.reflectorClient) text += "routeReflectorClient: true\n";
  if (session.nextHop !== "auto") text += `nextHop: ${session.nextHop}\n`;
  if (session.ttlSecurity !== undefined) text += `ttlSecurity: ${session.ttlSecurity}\n`;
  if (session.localAsn !== undefined && session.localAsn !== ownAsn)
    text += session.internal
      ? `localAs: ${session.localAsn}\n`
      : `localAs: { asn: ${session.localAsn}, noPrepend: true, replaceAs: true }\n`;
  if (session.allowOwnAs > 0) text += `allowOwnAs: ${session.allowOwnAs}\n`;
  if (importName !== group.import) text += `import: ${scalarText(importName)}\n`;
  if (exportName !== group.export) text += `export: ${scalarText(exportName)}\n`;
  if (session.restartTime !== undefined && session.restartTime !== group.restartTime)
    text += `gracefulRestart: { restartTime: ${session.restartTime}s }\n`;
  if (session.keepaliveTime !== undefined) text += `timers: { keepalive: ${session.keepaliveTime}s }\n`;
  const ownPassword = session.password !== undefined && session.password !== group.password;
  if (ownPassword) text += `password: ${quoted(session.password)}\n`;
  if (session.held !== undefined && session.held !== group.held) text += `disabled: ${quoted(session.held)}\n`;
  return { path: peerPath(session.name), text, secret: ownPassword };
}

/** Letters, digits and `_ . -` stand for themselves; what else a name may hold is written `=hh`, so that names differ. */
export function peerPath(name: string): string {
  const safe = name.replace(/[^\w.-]/g, (character) => `=${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `peers/${safe}.yaml`;
}
