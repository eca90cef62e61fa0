/** A fault of a datastore and what has to be true of it: nothing that runs changes, the log says it, recovery is exact. */
import assert from "node:assert/strict";
import type { LogLine, World } from "./fault-world.ts";

export interface Fault {
  readonly name: string;
  begin(): Promise<void> | void;
  /** What the log says; undefined: it is so short that nothing needs saying. */
  readonly says: RegExp | undefined;
  /** Nothing says when it is tried again, because the change itself is heard. */
  readonly isHeard?: boolean;
  /** Ends the fault; the resources change before or after it. Returns a text of the files that they then have. */
  end(): Promise<string>;
}

const LONG_MS = 10 * 60_000;

export async function survives(world: World, fault: Fault, secrets: readonly string[] = []): Promise<void> {
  const from = world.lines.length;
  const [running, files] = [await world.running(), await world.generated()];
  await fault.begin();
  let said: LogLine | undefined;
  if (fault.says !== undefined) {
    const pattern = fault.says;
    said = await world.line(
      `that the datastore fails: ${pattern}`,
      from,
      ({ event, reason }) => event === "datastore failing" && pattern.test(reason ?? ""),
    );
    assert.equal(said.level, "warn");
    if (fault.isHeard) assert.equal(said.retryInMs, undefined);
    else assert.ok(said.retryInMs! >= 0 && said.retryInMs! < LONG_MS, JSON.stringify(said));
  }
  assert.deepEqual(await world.running(), running, "the running state stays");
  assert.deepEqual(await world.generated(), files);

  const text = await fault.end();
  if (said !== undefined) {
    const over = await world.line("that it is over", world.lines.indexOf(said), isOver);
    assert.ok((over.failedForMs as number) >= 0);
  }
  await world.untilWritten(text);
  assert.deepEqual(await world.generated(), await world.fresh(), "recovery is exact");
  assert.deepEqual({ ...(await world.running()), ...CHANGED }, { ...running, ...CHANGED }, "no session was touched");
  isNoFlood(world.lines.slice(from));
  const all = world.lines.map((line) => JSON.stringify(line)).join("\n");
  for (const secret of secrets) assert.ok(!all.includes(secret), "a secret is in the log");
}

/** These follow the datastore. */
const CHANGED = { present: "", routes: "" };

const isOver = ({ event }: LogLine) => event === "datastore connected";

/** Between a fault's begin and end each reason is said once. */
function isNoFlood(lines: readonly LogLine[]): void {
  let said = new Set<string>();
  for (const line of lines) {
    if (isOver(line)) said = new Set();
    if (line.event !== "datastore failing") continue;
    assert.ok(!said.has(line.reason!), `said twice: ${line.reason}`);
    said.add(line.reason!);
  }
}
