import type { ControlRequest } from "../control/answers.ts";
import { callControl, streamControl } from "../io/system/control-client.ts";
import { socketPath } from "./socket-path.ts";

/** One answer of the daemon. Throws ControlError. */
export async function ask<T>(socket: string | undefined, request: ControlRequest): Promise<T> {
  return (await callControl(socketPath(socket), request)) as T;
}

/** The pages of a table as they come. Throws ControlError. */
export async function* askRows<T>(socket: string | undefined, request: ControlRequest): AsyncGenerator<readonly T[]> {
  for await (const rows of streamControl(socketPath(socket), request)) yield rows as readonly T[];
}
