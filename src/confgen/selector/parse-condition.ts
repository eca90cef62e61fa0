/**
 * The grammar of Calico's selectors (calico-bgp.md 1.12). `&&` binds closer than `||`; `!` binds to the one term after it,
 * so `!a == 'x'` negates the comparison. Whether a word is a label or an operator is told by its place alone: a label may
 * be called `in` or `has`. White space may stand between any two tokens.
 */
import type { Comparison, Condition, SyntaxFault } from "./syntax.ts";

const SPACE = /\s*/y;
const LABEL = /[A-Za-z0-9_./-]+/y;
const FUNCTION = /(has|all|global)\s*\(/y;
const WORD_OPERATOR = /(contains|starts\s*with|ends\s*with|not\s*in|in)(?![A-Za-z0-9_./-])/y;

/** Longest name of a label. */
const LABEL_LENGTH = 512;
/** Parentheses in parentheses: the parser recurses, so a text must not decide how deep. */
const DEEPEST = 100;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  contains: "contains",
  startswith: "startsWith",
  endswith: "endsWith",
};

/** Thrown inside the parser only. */
class Stop extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** The condition that the text says; white space alone says `all()`. */
export function parseCondition(text: string): Condition | SyntaxFault {
  const parser = createParser(text);
  try {
    return parser.whole();
  } catch (error) {
    if (error instanceof Stop) return { message: error.message, at: error.at };
    throw error;
  }
}

function createParser(text: string) {
  let at = 0;
  let depth = 0;

  function match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return undefined;
    at = pattern.lastIndex;
    return found;
  }
  const skipSpace = () => match(SPACE);

  /** Takes the punctuation if it comes next. */
  function take(token: string): boolean {
    skipSpace();
    if (!text.startsWith(token, at)) return false;
    at += token.length;
    return true;
  }
  function stop(expected: string): never {
    skipSpace();
    throw new Stop(`expected ${expected}${at < text.length ? `, not ${nextWord(text, at)}` : " before the end"}`, at);
  }
  function need(token: string, expected = `\`${token}\``): void {
    if (!take(token)) stop(expected);
  }

  function whole(): Condition {
    skipSpace();
    if (at === text.length) return { kind: "all" };
    const condition = either();
    skipSpace();
    if (at < text.length) stop("&&, || or the end");
    return condition;
  }

  function either(): Condition {
    return joined("or", "||", () => joined("and", "&&", term));
  }

  function joined(kind: "and" | "or", token: string, part: () => Condition): Condition {
    const of = [part()];
    while (take(token)) of.push(part());
    return of.length === 1 ? of[0]! : { kind, of };
  }

  function term(): Condition {
    let negated = false;
    while (take("!")) negated = !negated;
    const condition = positive();
    return negated ? { kind: "not", of: condition } : condition;
  }

  function positive(): Condition {
    if (take("(")) return grouped();
    const call = match(FUNCTION);
    if (call) return called(call[1]!);
    const label = labelName("a condition");
    return comparison(label);
  }

  function grouped(): Condition {
    if (++depth > DEEPEST) throw new Stop(`more than ${DEEPEST} parentheses inside each other`, at - 1);
    const condition = either();
    need(")", "&&, || or )");
    depth -= 1;
    return condition;
  }

  function called(name: string): Condition {
    if (name !== "has") {
      need(")");
      return { kind: "all" };
    }
    const label = labelName("the name of a label");
    need(")");
    return { kind: "has", label };
  }

  function labelName(expected: string): string {
    skipSpace();
    const start = at;
    const label = match(LABEL)?.[0];
    if (label === undefined) return stop(expected);
    if (label.length > LABEL_LENGTH) throw new Stop(`a label's name of more than ${LABEL_LENGTH} characters`, start);
    return label;
  }

  function comparison(label: string): Condition {
    if (take("==")) return { kind: "equal", label, value: literal() };
    if (take("!=")) return { kind: "notEqual", label, value: literal() };
    skipSpace();
    const word = match(WORD_OPERATOR)?.[1]?.replace(/\s+/, "");
    if (word === undefined)
      return stop(`==, !=, in, not in, contains, starts with or ends with after the label \`${label}\``);
    if (word === "in") return { kind: "in", label, values: literals() };
    if (word === "notin") return { kind: "notIn", label, values: literals() };
    return { kind: COMPARISONS[word]!, label, value: literal() };
  }

  function literal(): string {
    return string() ?? stop("a string in quotes");
  }

  /** A string in quotes of either kind; it has no escapes. */
  function string(): string | undefined {
    const quote = take("'") ? "'" : take('"') ? '"' : undefined;
    if (quote === undefined) return undefined;
    const start = at;
    const end = text.indexOf(quote, start);
    if (end < 0) throw new Stop("a string without its closing quote", start - 1);
    at = end + 1;
    return text.slice(start, end);
  }

  /** A set may be empty, and a comma may stand after its last member. */
  function literals(): string[] {
    need("{", "a set such as {'a', 'b'}");
    const values: string[] = [];
    for (let value = string(); value !== undefined; value = string()) {
      values.push(value);
      if (!take(",")) break;
    }
    need("}", "a string in quotes, a comma or }");
    return values;
  }

  return { whole };
}

const SHOWN = 20;

/** What stands at the place, for messages. */
function nextWord(text: string, at: number): string {
  const word = /^(?:[A-Za-z0-9_./-]+|.)/su.exec(text.slice(at))?.[0] ?? "";
  return `\`${word.length > SHOWN ? `${word.slice(0, SHOWN)}…` : word}\``;
}
