/** What is fuzzed: a decoder, sound inputs to begin with, and what must hold for any input. */
export interface FuzzTarget {
  /** Also the name of its folder in the corpus. */
  readonly name: string;
  /** How many cases of a thousand are its own. */
  readonly share: number;
  /** "text" targets are changed by words, "octets" ones by octets. */
  readonly form: "text" | "octets";
  /** Octets at the beginning that changes leave alone, and whether the two octets of a length are set right afterwards. */
  readonly spared?: number;
  readonly repair?: (octets: number[]) => void;
  readonly seeds: () => readonly Uint8Array[];
  /** Forgets what earlier inputs left behind. */
  readonly reset?: () => void;
  /** Decodes; throws where something that must hold does not. Returns the outcome in a word or two. */
  readonly run: (octets: Uint8Array) => string | Promise<string>;
}

/** Octets of a text. */
export const octetsOfText = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf8"));
export const textOf = (octets: Uint8Array): string => Buffer.from(octets).toString("utf8");
