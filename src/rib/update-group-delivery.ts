/**
 * Writing one encoded batch to the members at its place. An ordinary member takes the shared buffer in one write; one
 * that may not receive some messages takes the rest, with withdrawals in place of what it may hold from elsewhere.
 */
import type { Family } from "../ip/address.ts";
import { type Batch, MESSAGE } from "./pack-batch.ts";
import { closeWithdrawal, openWithdrawal } from "./pack-message.ts";
import type { MemberState, Positions } from "./update-group-positions.ts";
import type { GroupCounters } from "./update-group-types.ts";

/** Up to this many pieces of the shared buffer are written one by one; more are joined in a buffer of the member's own. */
const PIECES = 4;

export interface Delivery {
  readonly family: Family;
  readonly maxMessageOctets: number;
  readonly counters: GroupCounters;
  readonly positions: Positions;
  readonly nowMs: () => number;
}

/** The batch that is being written; nothing else is encoded before all its recipients have it. */
export interface Outstanding {
  readonly batch: Batch;
  readonly recipients: readonly MemberState[];
  next: number;
}

/** Writes to at most `limit` recipients; returns how many. */
export function deliver(delivery: Delivery, outstanding: Outstanding, limit: number): number {
  const { batch, recipients } = outstanding;
  let written = 0;
  while (outstanding.next < recipients.length && written < limit) {
    const state = recipients[outstanding.next++]!;
    if (!state.awaiting) continue;
    deliverTo(delivery, batch, state);
    written++;
  }
  return written;
}

export function deliverTo(delivery: Delivery, batch: Batch, state: MemberState): void {
  state.awaiting = false;
  const affected = batch.sources.has(state.peer) || (state.ownNextHop !== 0 && batch.nextHops.has(state.ownNextHop));
  if (affected) {
    deliverPart(delivery, batch, state);
    return;
  }
  const messages = batch.announcedMessages;
  if (state.initial && batch.withdrawnMessages > 0)
    send(delivery, state, batch.bytes.subarray(announcedAt(batch), announcedEnd(batch)), messages);
  else send(delivery, state, batch.bytes, messages + batch.withdrawnMessages);
}

function announcedAt({ withdrawnAt, withdrawnEnd }: Batch): number {
  return withdrawnAt === 0 ? withdrawnEnd : 0;
}

function announcedEnd({ bytes, withdrawnAt }: Batch): number {
  return withdrawnAt === 0 ? bytes.length : withdrawnAt;
}

export function send(delivery: Delivery, state: MemberState, bytes: Uint8Array, messages: number): void {
  if (bytes.length === 0 || state.gone) return;
  delivery.counters.messagesSent += messages;
  delivery.counters.octetsSent += bytes.length;
  if (state.member.write(bytes) || state.blocked || state.gone) return;
  state.blocked = true;
  state.blockedSinceMs = delivery.nowMs();
  delivery.positions.sort(state);
}

function leftOut(messages: Int32Array, m: number, state: MemberState): boolean {
  return (
    messages[m + MESSAGE.source] === state.peer ||
    (state.ownNextHop !== 0 && messages[m + MESSAGE.nextHop] === state.ownNextHop)
  );
}

function deliverPart(delivery: Delivery, batch: Batch, state: MemberState): void {
  const { bytes, messages } = batch;
  const pieces: number[] = [];
  let count = 0;
  let mixedOctets = 0;
  let from = state.initial ? announcedAt(batch) : 0;
  const end = state.initial ? announcedEnd(batch) : bytes.length;
  if (!state.initial) count += batch.withdrawnMessages;
  for (let m = 0; m < messages.length; m += MESSAGE.cells) {
    if (!leftOut(messages, m, state)) {
      count++;
      continue;
    }
    const start = messages[m + MESSAGE.start]!;
    if (start > from) pieces.push(from, start);
    from = messages[m + MESSAGE.end]!;
    mixedOctets += messages[m + MESSAGE.mixedEnd]! - messages[m + MESSAGE.nlriAt]!;
  }
  if (end > from) pieces.push(from, end);
  if (mixedOctets > 0 && !state.initial) withdrawMixed(delivery, batch, state);
  if (pieces.length <= 2 * PIECES) {
    for (let i = 0; i < pieces.length; i += 2) {
      send(delivery, state, bytes.subarray(pieces[i]!, pieces[i + 1]!), i === 0 ? count : 0);
    }
    return;
  }
  send(delivery, state, joinPieces(bytes, pieces), count);
}

function joinPieces(bytes: Uint8Array, pieces: readonly number[]): Uint8Array {
  let octets = 0;
  for (let i = 0; i < pieces.length; i += 2) octets += pieces[i + 1]! - pieces[i]!;
  const own = new Uint8Array(octets);
  let at = 0;
  for (let i = 0; i < pieces.length; i += 2) {
    const piece = bytes.subarray(pieces[i]!, pieces[i + 1]!);
    own.set(piece, at);
    at += piece.length;
  }
  return own;
}

/** Withdraws what stands in messages that the member is left out of, as far as it may hold it from elsewhere. */
function withdrawMixed(delivery: Delivery, batch: Batch, state: MemberState): void {
  const { bytes, messages } = batch;
  const { family, maxMessageOctets } = delivery;
  const tail = family === "ipv4" ? 2 : 0;
  const parts: Uint8Array[] = [];
  const out = new Uint8Array(maxMessageOctets);
  let end = openWithdrawal(family, out, 0);
  const empty = end;
  let octets = 0;
  const close = () => {
    const part = out.slice(0, closeWithdrawal(family, out, 0, end));
    parts.push(part);
    octets += part.length;
    end = openWithdrawal(family, out, 0);
  };
  for (let m = 0; m < messages.length; m += MESSAGE.cells) {
    const from = messages[m + MESSAGE.nlriAt]!;
    const to = messages[m + MESSAGE.mixedEnd]!;
    if (to === from || !leftOut(messages, m, state)) continue;
    // An announcement has no less around its NLRI than a withdrawal has, so what stood in one always fits.
    if (end + (to - from) + tail > maxMessageOctets) close();
    out.set(bytes.subarray(from, to), end);
    end += to - from;
  }
  if (end > empty) close();
  delivery.counters.messagesEncoded += parts.length;
  delivery.counters.octetsEncoded += octets;
  const whole = new Uint8Array(octets);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  send(delivery, state, whole, parts.length);
}
