/** Whether two announcements are the same octets on the wire. The last answer is remembered: changes come in runs. */
import type { Family } from "../ip/address.ts";
import { announcementOverhead } from "./pack-message.ts";
import type { NextHopId, PeerId, SetHandle } from "./types.ts";
import type { GroupEncoder } from "./update-group-types.ts";

/** Two octet buffers for announcements to be compared. */
export class AnnouncementComparer {
  private readonly family: Family;
  private readonly maxMessageOctets: number;
  private readonly left: Uint8Array;
  private readonly right: Uint8Array;

  constructor(family: Family, maxMessageOctets: number) {
    this.family = family;
    this.maxMessageOctets = maxMessageOctets;
    this.left = new Uint8Array(maxMessageOctets + 32);
    this.right = new Uint8Array(maxMessageOctets + 32);
  }

  /** True when both are the same octets, or neither can be announced. */
  equal(
    one: GroupEncoder,
    set: SetHandle,
    source: PeerId,
    other: GroupEncoder,
    otherSet: SetHandle,
    otherSource: PeerId,
  ): boolean {
    const { left, right } = this;
    const end = this.write(one, set, source, left);
    if (end !== this.write(other, otherSet, otherSource, right)) return false;
    for (let i = 0; i < end; i++) if (left[i] !== right[i]) return false;
    return true;
  }

  /** True when the announcement fits a message together with one NLRI. */
  fits(encoder: GroupEncoder, set: SetHandle, source: PeerId, nlriOctets: number): boolean {
    const end = encoder.writeAttributes(set, source, this.left, 0);
    if (end < 0) return false;
    const hopOctets = this.family === "ipv4" ? 0 : encoder.writeNextHop(set, source, this.left, end);
    return announcementOverhead(this.family, end, hopOctets) + nlriOctets <= this.maxMessageOctets;
  }

  private write(encoder: GroupEncoder, set: SetHandle, source: PeerId, out: Uint8Array): number {
    const end = encoder.writeAttributes(set, source, out, 0);
    return end < 0 || this.family === "ipv4" ? end : end + encoder.writeNextHop(set, source, out, end);
  }
}

/** Remembers one comparison within a group. It holds both sets, so that their handles are not reused meanwhile. */
export class ChangeMemo {
  /** The octets are the same. */
  same = false;
  oldNextHop: NextHopId = 0;
  newNextHop: NextHopId = 0;
  private oldSet: SetHandle = 0;
  private oldSource: PeerId = 0;
  private newSet: SetHandle = 0;
  private newSource: PeerId = 0;
  private readonly encoder: GroupEncoder;
  private readonly comparer: AnnouncementComparer;

  constructor(encoder: GroupEncoder, comparer: AnnouncementComparer) {
    this.encoder = encoder;
    this.comparer = comparer;
  }

  /** Fills the fields for a change from one announcement to another. */
  compare(oldSet: SetHandle, oldSource: PeerId, newSet: SetHandle, newSource: PeerId): void {
    if (
      this.oldSet === oldSet &&
      this.newSet === newSet &&
      this.oldSource === oldSource &&
      this.newSource === newSource
    )
      return;
    const { encoder } = this;
    encoder.retain(oldSet);
    encoder.retain(newSet);
    this.forget();
    this.oldSet = oldSet;
    this.oldSource = oldSource;
    this.newSet = newSet;
    this.newSource = newSource;
    this.oldNextHop = encoder.announcedNextHop(oldSet, oldSource);
    this.newNextHop = encoder.announcedNextHop(newSet, newSource);
    this.same = this.comparer.equal(encoder, oldSet, oldSource, encoder, newSet, newSource);
  }

  forget(): void {
    if (this.oldSet === 0) return;
    this.encoder.release(this.oldSet);
    this.encoder.release(this.newSet);
    this.oldSet = 0;
  }
}
