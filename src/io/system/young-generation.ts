import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's young generation as small as it is when this is called, instead of letting it grow to 2 × 16 MiB under
 * load. Routes live in typed arrays, so next to nothing survives a scavenge: many small ones cost less than the memory
 * of a few large ones. To be called before much has been loaded.
 */
export function limitYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Lets the old generation grow in small steps while much is read for the first time: a quarter less memory, for a tenth more
 * of processor time. What is returned ends it, since changes would cost half as much again.
 */
export function growHeapSlowly(): () => void {
  setFlagsFromString("--optimize-for-size");
  return () => setFlagsFromString("--no-optimize-for-size");
}
