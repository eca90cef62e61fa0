import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../interop/requires.ts";

/** Runs `body` with a machine on which no tool is found and CI set or not. */
async function withoutTools<T>(ci: boolean, body: () => Promise<T>): Promise<T> {
  const { PATH, CI } = process.env;
  process.env.PATH = "/nonexistent";
  if (ci) process.env.CI = "true";
  else delete process.env.CI;
  try {
    return await body();
  } finally {
    process.env.PATH = PATH;
    if (CI === undefined) delete process.env.CI;
    else process.env.CI = CI;
  }
}

test("a missing capability is the reason to skip, by its name", async () => {
  assert.match(String(await withoutTools(false, () => requires("netns"))), /^needs netns \(/);
});

test("under CI=true a missing capability is a failure", async () => {
  await assert.rejects(
    withoutTools(true, () => requires("netns")),
    /Under CI=true nothing is skipped: needs netns/,
  );
});
