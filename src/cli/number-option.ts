/** Numbers on the command line: yargs makes NaN of what is none, and takes any that is one. */
import { CliError, EXIT } from "./exit-codes.ts";

/** How many at most, for yargs' `coerce`. */
export function count(option: string): (value: number | undefined) => number | undefined {
  return (value) => {
    if (value === undefined || (Number.isInteger(value) && value >= 0)) return value;
    throw new CliError(EXIT.usage, `--${option} wants a whole number, 0 or above`);
  };
}
