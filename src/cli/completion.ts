/** Completion: the scripts for shells, and the words that only the daemon knows. */
import { callControl } from "../io/system/control-client.ts";
import { socketPath } from "./socket-path.ts";

export const SHELLS = ["bash", "zsh"] as const;
export type Shell = (typeof SHELLS)[number];

const BASH = `# calidris completion for bash: source it, or put it into /etc/bash_completion.d/
_calidris() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ -z $current && $line == -* ]] && continue
    [[ $line == "$current"* ]] && COMPREPLY+=("$line")
  done < <(SHELL=bash calidris --get-completions "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
complete -o default -F _calidris calidris
`;

const ZSH = `#compdef calidris
# calidris completion for zsh: put it into a folder of $fpath as _calidris, or source it after compinit
_calidris() {
  local -a found
  found=("\${(@f)$(SHELL=zsh calidris --get-completions "\${(@)words[1,CURRENT]}" 2>/dev/null)}")
  [[ $words[CURRENT] == -* ]] || found=("\${(@)found:#-*}")
  if [[ -n "\${found[*]}" ]]; then _describe -t calidris 'calidris' found; else _default; fi
}
if [[ \${funcstack[1]} == _calidris ]]; then _calidris "$@"; else compdef _calidris calidris; fi
`;

export function completionScript(shell: Shell): string {
  return shell === "bash" ? BASH : ZSH;
}

/** A shell waits for this. */
const TIMEOUT_MS = 1000;
const ORDERS_TO_PEERS = ["disable", "enable", "restart", "refresh"];
const PEER_COMMANDS = ["peers", "peer", "neighbors", "neighbor", "protocols"];

/**
 * Words that may stand last beside what the commands themselves offer; \`only\` where nothing else may. \`words\` begin
 * with the program and end with the word that is being written.
 */
export async function liveWords(
  words: readonly string[],
): Promise<{ readonly words: string[]; readonly only: boolean }> {
  const plain = words.slice(1, -1).filter((word, i, all) => !word.startsWith("-") && !takesValue(all[i - 1]));
  const last = words.at(-1) ?? "";
  const [verb, noun, ...rest] = plain;
  const nothing = { words: [], only: false };
  if (last.startsWith("-") || takesValue(words.at(-2))) return nothing;
  const names = async () => ({ words: await peerNames(words), only: true });
  if (verb === "show" && PEER_COMMANDS.includes(noun ?? "") && rest.length === 0) return names();
  if (ORDERS_TO_PEERS.includes(verb ?? "") && noun === undefined) return names();
  if (verb === "explain" && (noun === "peer" || noun === "neighbor") && rest.length === 0) return names();
  if (verb === "show" && (noun === "routes" || noun === "route")) {
    if (rest.length === 0) return { words: ["in", "out"], only: true };
    if (rest.length === 1 && (rest[0] === "in" || rest[0] === "out")) return names();
  }
  if (verb === "explain" && (noun === "route" || noun === "routes")) {
    if (rest.length === 1) return { words: ["to"], only: true };
    if (rest.length === 2 && rest[1] === "to") return names();
  }
  return nothing;
}

/** Options of commands that have these live words, whose next word is their value. */
function takesValue(word: string | undefined): boolean {
  return (
    word !== undefined && ["--socket", "-o", "--output", "--family", "--limit", "--text", "--drain"].includes(word)
  );
}

/** Names from the running daemon; none when there is none. */
async function peerNames(words: readonly string[]): Promise<string[]> {
  const at = words.indexOf("--socket");
  const socket = socketPath(at < 0 ? undefined : words[at + 1]);
  const names = await callControl(socket, { command: "names" }, AbortSignal.timeout(TIMEOUT_MS)).catch(() => []);
  return (names as string[] | undefined) ?? [];
}
