/** Text inside messages (capabilities, shutdown communication), without help from the platform. */

/** Decodes UTF-8 strictly; undefined when the octets are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(Array.from(bytes, (octet) => `%${hexOctet(octet)}`).join(""));
  } catch {
    return undefined;
  }
}

/** UTF-8 octets of the text, cut before the character that would go beyond `maxOctets`. Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string, maxOctets: number): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const whole = point >= 0xd800 && point <= 0xdfff ? "\ufffd" : character;
    const encoded = encodeURIComponent(whole);
    const some = encoded.startsWith("%")
      ? encoded
          .slice(1)
          .split("%")
          .map((hex) => Number.parseInt(hex, 16))
      : [whole.charCodeAt(0)];
    if (octets.length + some.length > maxOctets) break;
    octets.push(...some);
  }
  return Uint8Array.from(octets);
}

/** Octets of the text in UTF-8. */
export function utf8Length(text: string): number {
  let octets = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    octets += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return octets;
}

/** What a peer wrote, made safe for a terminal or a log: control characters become `\xNN`. */
export function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${hexOctet(code)}` : `\\u${code.toString(16)}`;
  });
}

/** Lower-case hexadecimal, two digits an octet. */
export function formatHex(bytes: Uint8Array): string {
  return Array.from(bytes, hexOctet).join("");
}

function hexOctet(octet: number): string {
  return octet.toString(16).padStart(2, "0");
}
