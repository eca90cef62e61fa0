import { optionalSection, words } from "./fields.ts";
import type { SecretKeyRef } from "./model.ts";

/** A key of a Secret. Both parts are needed: with one missing nobody can tell whether a password was wanted. */
export const secretRef = optionalSection({
  name: words("the name of a Secret", 253),
  key: words("a key of the Secret", 253),
}).transform((ref, context): SecretKeyRef | undefined => {
  if (!ref) return undefined;
  const { name, key } = ref;
  if (name !== undefined && key !== undefined) return { name, key };
  const message = `needs the name of a Secret and a key in it; ${name === undefined ? "name" : "key"} is missing`;
  context.issues.push({ code: "custom", message, input: ref });
  return undefined;
});
