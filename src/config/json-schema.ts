import { z } from "zod";
import { file, peer } from "./schema.ts";

type Json = Record<string, unknown>;

/** JSON Schema (draft 2020-12) of the file format for editors: a whole file, one peer, or a list of peers. */
export function configJsonSchema(): Json {
  const whole = schemaOf(file);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Calidris configuration",
    description: "A configuration file. A file in `peers/` may also hold one peer or a list of peers.",
    anyOf: [whole.schema, schemaOf(peer).schema, { type: "array", items: schemaOf(peer).schema }],
    $defs: whole.definitions,
  };
}

/** What refers to itself stands in definitions, which references look for at the top of the document. */
function schemaOf(schema: z.ZodType): { readonly schema: Json; readonly definitions: Json } {
  const {
    $schema: _version,
    $defs,
    ...json
  } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => widen(jsonSchema as Json),
  }) as Json;
  return { schema: json, definitions: ($defs ?? {}) as Json };
}

/** What the text may be that a transforming step turns into the described form. */
function widen(json: Json): void {
  const { singleAllowed, short, form, fallback, description, ...rest } = json;
  const body = form
    ? (form as Json)
    : singleAllowed
      ? { anyOf: [rest, rest.items as Json] }
      : short
        ? { anyOf: [short as Json, rest] }
        : rest;
  for (const key of Object.keys(json)) delete json[key];
  Object.assign(
    json,
    body,
    description !== undefined && { description },
    fallback !== undefined && { default: fallback },
  );
}
