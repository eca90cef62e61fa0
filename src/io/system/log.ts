import { isatty } from "node:tty";
import pino from "pino";
import type { LogThreshold } from "../../config/model.ts";
import type { Log } from "../../daemon/ports.ts";

export interface LogOptions {
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "text";
  readonly level?: LogThreshold;
  /** 2, standard error, by default: standard output belongs to a command's answer. */
  readonly fd?: number;
}

export interface LogOutput {
  readonly log: Log;
  setLevel(level: LogThreshold): void;
  /** Resolves when all has been written, or a reader has not read for a second. */
  flush(): Promise<void>;
  /** Writes what is buffered before this call returns, for a process that is about to die; may repeat or reorder a line. */
  flushNow(): void;
}

/** Octets that may wait for a reader that does not read; lines beyond are dropped. */
const BUFFERED_OCTETS = 4 * 1024 * 1024;
const FLUSH_MS = 1000;
const SECRETS = ["password", "md5Key", "secret", "token", "privateKey"];

/** One line per event. A log that cannot be written never disturbs the daemon. */
export function createLog(options: LogOptions): LogOutput {
  const fd = options.fd ?? 2;
  const destination = pino.destination({ fd, sync: false, minLength: 1, maxLength: BUFFERED_OCTETS });
  destination.on("error", () => undefined); // a closed pipe or a full disk; nowhere to say so
  const text = options.format === "text" || (options.format === "auto" && isatty(fd));
  const stream = text ? { write: (line: string) => void destination.write(textLine(line)) } : destination;
  const logger = pino(
    {
      level: threshold(options.level ?? "info"),
      messageKey: "event",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
    },
    stream,
  );
  return {
    log(level, event, fields) {
      try {
        logger[level](fields, event);
      } catch {
        // A field that cannot be written out.
      }
    },
    setLevel(level) {
      logger.level = threshold(level);
    },
    flush() {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, FLUSH_MS);
        destination.flush(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    flushNow() {
      try {
        destination.flushSync();
      } catch {
        // As above.
      }
    },
  };
}

/** `09:31:07.123 warn  sessionDown peer=tor-a reason="hold timer expired"` of pino's JSON line. Time is UTC. */
export function textLine(json: string): string {
  const { time, level, event, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${textValue(value)}`);
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(event)}${rest.join("")}\n`;
}

/** Quoted where it would not be one word; control characters are escaped, so that no peer can write on a terminal. */
function textValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[\x21\x23-\x3c\x3e-\x7e]+$/.test(text)
    ? text
    : JSON.stringify(text).replace(
        /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
}

function threshold(level: LogThreshold): string {
  return level === "off" ? "silent" : level;
}
