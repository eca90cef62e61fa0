/** The router as plain values over the control socket, a slice at a time; the loop runs in between. */
import { FAMILIES } from "../ip/address.ts";
import type { ControlOutput } from "./handler.ts";
import type { RouterView } from "./view.ts";

export async function sendRunning(
  view: RouterView,
  output: ControlOutput,
  soon: (run: () => void) => void,
): Promise<void> {
  const send = async (value: unknown) => {
    if (!output.send(value)) await output.drained();
    await new Promise<void>((resolve) => soon(resolve));
  };
  await send(view.running());
  for (const slice of [view.runningKernelRoutes, view.runningPaths])
    for (const family of FAMILIES)
      for (let cursor = 0; cursor >= 0 && !output.signal.aborted; ) {
        const { page, next } = slice(family, cursor);
        cursor = next;
        await send(page);
      }
}
