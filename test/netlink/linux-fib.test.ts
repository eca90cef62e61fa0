import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../interop/requires.ts";
import { fibContract } from "../contract/fib.ts";
import { INSIDE, runInside } from "./in-namespace.ts";
import { openLinuxWorld } from "./linux-world.ts";

if (INSIDE) fibContract("Linux", (options) => openLinuxWorld(options));
else {
  const skip = await requires("netns");
  test("Linux keeps the Fib contract", { skip }, () => {
    const { passed, output } = runInside(import.meta.url);
    assert.ok(passed, output);
  });
}
