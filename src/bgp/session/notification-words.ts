import type { Notification } from "../notification.ts";

const WORDS: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: ["message header error", { 1: "connection not synchronised", 2: "bad message length", 3: "bad message type" }],
  2: [
    "OPEN error",
    {
      1: "unsupported version",
      2: "bad peer AS",
      3: "bad BGP identifier",
      4: "unsupported optional parameter",
      6: "unacceptable hold time",
      7: "unsupported capability",
      11: "role mismatch",
    },
  ],
  3: [
    "UPDATE error",
    {
      1: "malformed attribute list",
      2: "unrecognised well-known attribute",
      3: "missing well-known attribute",
      4: "attribute flags error",
      5: "attribute length error",
      6: "invalid ORIGIN",
      8: "invalid NEXT_HOP",
      9: "optional attribute error",
      10: "invalid network field",
      11: "malformed AS_PATH",
    },
  ],
  4: ["hold timer expired", {}],
  5: [
    "state machine error",
    {
      1: "unexpected message in OpenSent",
      2: "unexpected message in OpenConfirm",
      3: "unexpected message in Established",
    },
  ],
  6: [
    "cease",
    {
      1: "maximum number of prefixes reached",
      2: "administrative shutdown",
      3: "peer de-configured",
      4: "administrative reset",
      5: "connection rejected",
      6: "other configuration change",
      7: "connection collision resolution",
      8: "out of resources",
      9: "hard reset",
      10: "BFD down",
    },
  ],
  7: ["ROUTE-REFRESH error", { 1: "invalid message length" }],
  8: ["send hold timer expired", {}],
};

/** Code and subcode in numbers and in words: `6/2 (cease, administrative shutdown)`. */
export function describeNotification({ code, subcode }: Notification): string {
  const [title, subcodes] = WORDS[code] ?? ["unknown code", {}];
  const detail = subcodes[subcode] ?? (subcode === 0 ? undefined : "unknown subcode");
  return `${code}/${subcode} (${detail === undefined ? title : `${title}, ${detail}`})`;
}
