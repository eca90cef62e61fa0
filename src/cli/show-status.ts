import type { StatusAnswer } from "../control/answers.ts";
import { statusLines } from "../control/render-status.ts";
import { ask } from "./ask.ts";
import { drawing, type OutputOptions, writeDocument } from "./output.ts";

export async function showStatus(options: OutputOptions): Promise<void> {
  const { output, watch } = options;
  const fetch = () => ask<StatusAnswer>(options.socket, { command: "status" });
  if (output === "yaml" || (output === "json" && !watch)) return writeDocument(await fetch(), output);
  await drawing(options, async () => {
    const status = await fetch();
    return output === "json" ? [JSON.stringify(status)] : statusLines(status);
  });
}
