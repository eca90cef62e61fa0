import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/parse.ts";
import type { PreviewAnswer } from "../../src/control/preview-answer.ts";
import type { RunningPage, RunningState } from "../../src/control/running-state.ts";
import { startPreview } from "../../src/daemon/preview.ts";
import { runningKernelRoutes, runningPaths, runningState } from "../../src/daemon/running-state.ts";
import { FAMILIES } from "../../src/ip/address.ts";
import { configOf, type World } from "./world.ts";

/** The router's state as another process has it, which goes through JSON. */
export function told({ router }: World) {
  const { core } = router;
  const state = JSON.parse(JSON.stringify(runningState(router))) as RunningState;
  const { secrets } = state.config;
  const running = parseConfig([{ path: "running", text: state.config.text }], { secrets: (path) => secrets[path] });
  assert.ok(running.ok, "the printed configuration parses");
  const pages: RunningPage[] = [];
  for (const slice of [runningKernelRoutes, runningPaths])
    for (const family of FAMILIES)
      for (let cursor = 0; cursor >= 0; ) {
        const { page, next } = slice(core, family, cursor);
        pages.push(JSON.parse(JSON.stringify(page)));
        cursor = next;
      }
  return { state, running: running.config, pages };
}

export function previewOf(world: World, text: string, limit = 10_000): PreviewAnswer {
  const { state, running, pages } = told(world);
  const preview = startPreview(state, running, configOf(text));
  pages.forEach(preview.take);
  return preview.finish(limit);
}
