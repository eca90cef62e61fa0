/** A selector of Calico's language (calico-bgp.md 1.12), parsed. */
import type { Labels } from "../resources/model.ts";

export interface Selector {
  /** As written. */
  readonly text: string;
  readonly matches: (labels: Labels) => boolean;
}
