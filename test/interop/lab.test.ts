import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createLab, type LabPlan } from "../../interop/lab.ts";
import { poll } from "../../interop/process.ts";
import { PEERS, requires } from "../../interop/requires.ts";

const skip = await requires(...PEERS);
const PLAN: LabPlan = { nodes: ["a", "b"], links: { net0: { a: ["10.0.0.1/24"], b: ["10.0.0.2/24"] } } };

describe("a lab", { concurrency: 4 }, () => {
  test("does not see another one with the same addresses", { skip }, async () => {
    const [one, two] = await Promise.all([createLab(PLAN), createLab(PLAN)]);
    await one.node("b").setLink("net0", "down");
    assert.equal(await one.node("a").ping("10.0.0.2"), false);
    await poll("ping in the other lab", () => two.node("a").ping("10.0.0.2"));
    await Promise.all([one.close(), two.close()]);
  });

  test("leaves no process and no folder behind when it is closed", { skip }, async () => {
    const lab = await createLab(PLAN);
    const shared = await lab.node("a").folder("sleeper");
    const sleeper = await lab.node("a").spawn("sleep", shared, ["sleep", "1000"]);
    await lab.close();
    await sleeper.exited;
    assert.equal(existsSync(`/proc/${sleeper.pid}`), false);
    assert.equal(existsSync(lab.folder), false);
  });

  test("vanishes with the process that made it, even by SIGKILL", { skip }, async () => {
    const module = fileURLToPath(new URL("../../interop/lab.js", import.meta.url));
    const script = `
      const { createLab } = await import(${JSON.stringify(module)});
      const lab = await createLab(${JSON.stringify(PLAN)});
      await lab.node("a").spawn("sleep", await lab.node("a").folder("s"), ["sleep", "1000"]);
      console.log(lab.folder);
      setInterval(() => {}, 1000);`;
    const maker = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(maker.stdout, "data")) as [Buffer];
    const folder = line.toString().trim();
    assert.equal(await isNamed(folder), true);
    maker.kill("SIGKILL");
    await poll("the lab's folder to go", async () => !existsSync(folder));
    await poll("the lab's processes to go", async () => !(await isNamed(folder)));
  });

  test("says which link it cannot make", { skip }, async () => {
    const wrong: LabPlan = { nodes: ["a"], links: { net0: { a: ["10.0.0.1/24"], missing: [] } } };
    await assert.rejects(createLab(wrong), /missing/);
  });
});

/** Whether a process on this machine names the folder on its command line. */
async function isNamed(folder: string): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(folder)) return true;
  }
  return false;
}
