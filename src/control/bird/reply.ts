/** The lines of one reply (calico-bgp.md 5), and how they are told apart. */

/** Where a reply goes. */
export interface ReplyOutput {
  /** False: the reader is behind; wait for `drained` before more. */
  write(text: string): boolean;
  drained(): Promise<void>;
  /** Resolves when sockets and timers have had their turn. */
  turn(): Promise<void>;
  /** Nobody reads any more. */
  readonly aborted: boolean;
}

export interface Reply {
  /** A line after which more follow. */
  line(code: number, text: string): void;
  /** The last line. */
  end(code: number, text: string): void;
  /** Resolves when others have had their turn and the reader has taken what it was sent; false where it is gone. */
  flushed(): Promise<boolean>;
}

const WRITE_OCTETS = 65_536;

/**
 * Lines are four digits, `-` where more follow or a space in the last one, then text. Under the code of the line before it
 * a line that is not the last is a space and its text only.
 */
export function createReply(output: ReplyOutput): Reply {
  let previous = -1;
  /** Lines are many and short: they leave together. */
  let held = "";
  let isBehind = false;
  const put = (line: string) => {
    held += line;
    if (held.length >= WRITE_OCTETS) write();
  };
  const write = () => {
    if (held !== "" && !output.write(held)) isBehind = true;
    held = "";
  };
  return {
    line(code, text) {
      const head = code === previous ? " " : `${digits(code)}-`;
      previous = code;
      put(`${head}${oneLine(text)}\n`);
    },
    end(code, text) {
      put(`${digits(code)} ${oneLine(text)}\n`);
      write();
    },
    async flushed() {
      write();
      if (isBehind) await output.drained();
      else await output.turn();
      isBehind = false;
      return !output.aborted;
    },
  };
}

function digits(code: number): string {
  return String(code).padStart(4, "0");
}

/** Text from a peer or an operator must not be taken for another line of the reply. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f]/g, " ");
}
