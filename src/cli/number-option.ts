/** Numbers on the command line: yargs makes NaN of what is none, and takes any that is one. */
import { CliError, EXIT } from "./exit-codes.ts";

/** A longer timer would fire at once. */
const MOST_SECONDS = 86_400;

/** How long to wait, for yargs' `coerce`. */
export function seconds(option: string): (value: number) => number {
  return (value) => {
    if (value > 0 && value <= MOST_SECONDS) return value;
    throw new CliError(EXIT.usage, `--${option} wants a number of seconds above 0, up to ${MOST_SECONDS}`);
  };
}

/** How many at most, for yargs' `coerce`. */
export function count(option: string): (value: number | undefined) => number | undefined {
  return (value) => {
    if (value === undefined || (Number.isInteger(value) && value >= 0)) return value;
    throw new CliError(EXIT.usage, `--${option} wants a whole number, 0 or above`);
  };
}
