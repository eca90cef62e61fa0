import { decodeUtf8 } from "../../bgp/text.ts";
import { anything, mapping } from "./fields.ts";
import type { SecretResource } from "./model.ts";
import { createParser } from "./parsed.ts";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FORM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Octets of base64, or nothing. */
function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/[\r\n]/g, "");
  if (!FORM.test(digits)) return undefined;
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const digit of digits.replace(/=+$/, "")) {
    held = ((held << 6) | DIGITS.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** No message shows a value. A mapping whose values are no texts has nothing of use. */
const values = anything.transform((value): readonly (readonly [string, string])[] => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, entry]) => (typeof entry === "string" ? [[key, entry] as const] : []));
});

const secret = mapping({ data: values, stringData: values });

/** A key whose value is no text is left out: it cannot be a password. What `stringData` says goes before `data`. */
export const parseSecret = createParser(secret, (name, { data, stringData }): SecretResource => {
  const decoded = data.flatMap(([key, value]) => {
    const bytes = decodeBase64(value);
    const text = bytes && decodeUtf8(bytes);
    return text === undefined ? [] : [[key, text] as const];
  });
  return { kind: "Secret", name, data: Object.fromEntries([...decoded, ...stringData]) };
});
