/** A document as the files of a generation. What did not change stays the same object, so that it need not be written. */
import type { ConfigDocument, Peer } from "../compile/document.ts";
import type { GeneratedFile, Generation } from "../generation.ts";
import { printFiles } from "./files.ts";
import { peerFile } from "./peer-file.ts";

export interface PrintMemo {
  /** By the session's name. */
  peers: Map<string, { readonly peer: Peer; readonly asn: number; readonly file: GeneratedFile }>;
  /** By path, those of no peer. */
  readonly files: Map<string, GeneratedFile>;
}

export function createPrintMemo(): PrintMemo {
  return { peers: new Map(), files: new Map() };
}

export function printGeneration(document: ConfigDocument, memo: PrintMemo): Generation {
  const files: GeneratedFile[] = [];
  const { asn } = document.router;
  const peers: PrintMemo["peers"] = new Map();
  for (const peer of document.peers) {
    const known = memo.peers.get(peer.session.name);
    const entry = known && known.asn === asn && samePeer(known.peer, peer) ? known : printed(peer, asn, known?.file);
    peers.set(peer.session.name, entry);
    files.push(entry.file);
  }
  memo.peers = peers;
  for (const file of printFiles(document)) {
    const known = memo.files.get(file.path);
    const same = known && known.text === file.text && known.secret === file.secret ? known : file;
    memo.files.set(file.path, same);
    files.push(same);
  }
  return { files: inOrder(files) };
}

function printed(peer: Peer, asn: number, before: GeneratedFile | undefined) {
  const file = peerFile(peer, asn);
  const same = before && before.text === file.text && before.secret === file.secret;
  return { peer, asn, file: same ? before : file };
}

function samePeer(a: Peer, b: Peer): boolean {
  return a.session === b.session && a.group === b.group && a.import === b.import && a.export === b.export;
}

/** Names that sort one way may have paths that sort another: `=` stands for other characters. */
function inOrder(files: GeneratedFile[]): readonly GeneratedFile[] {
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}
