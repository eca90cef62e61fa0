/** Every kind of speaker by its name. */
import type { LabNode } from "../lab.ts";
import { bird1, bird2 } from "./bird.ts";
import { calidris } from "./calidris.ts";
import { exabgp } from "./exabgp.ts";
import type { SpeakerKind } from "./features.ts";
import { frr } from "./frr.ts";
import { gobgp } from "./gobgp.ts";
import { openbgpd } from "./openbgpd.ts";
import type { Speaker } from "./speaker.ts";

const KINDS: Readonly<Record<SpeakerKind, (node: LabNode) => Speaker>> = {
  ...{ calidris, bird2, bird1, frr, gobgp, openbgpd, exabgp },
};

export type { SpeakerKind } from "./features.ts";

export function createSpeaker(kind: SpeakerKind, node: LabNode): Speaker {
  return KINDS[kind](node);
}

/** The device under test: ours. `DUT=bird2` puts another in its place, which tests the laboratory itself. */
export const DUT: SpeakerKind = dutFromEnvironment();

function dutFromEnvironment(): SpeakerKind {
  const name = process.env.DUT ?? "calidris";
  if (!(name in KINDS)) throw new Error(`DUT=${name}: expected one of ${Object.keys(KINDS).join(", ")}`);
  return name as SpeakerKind;
}
