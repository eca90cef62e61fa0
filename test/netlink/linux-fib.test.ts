import assert from "node:assert/strict";
import { test } from "node:test";
import { fibContract } from "../contract/fib.ts";
import { INSIDE, missingForNamespace, runInside } from "./in-namespace.ts";
import { openLinuxWorld } from "./linux-world.ts";

if (INSIDE) fibContract("Linux", (options) => openLinuxWorld(options));
else {
  const missing = missingForNamespace();
  test("Linux keeps the Fib contract", { skip: missing ? `needs ${missing}` : false }, () => {
    const { passed, output } = runInside(import.meta.url);
    assert.ok(passed, output);
  });
}
