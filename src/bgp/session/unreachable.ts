/** Compiles only while every variant above it is handled; throws if untyped data got in. */
export function unreachable(value: never): never {
  throw new Error(`Cannot happen: unhandled ${JSON.stringify(value)}`);
}
