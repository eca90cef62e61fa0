/** `calidris shadow`: BIRD is asked, the kernel is read, and a copy of our router says what it would do. Writes nothing. */
import type { Config } from "../config/model.ts";
import { shadowLines } from "../control/render-shadow.ts";
import { readPeers, readRoutes, readStatus } from "../daemon/shadow/bird-reading.ts";
import { compareWithBird } from "../daemon/shadow/shadow.ts";
import type { BirdSnapshot, Birds } from "../daemon/shadow/shadow-state.ts";
import { readKernel } from "../io/netlink/kernel-snapshot.ts";
import { type BirdClient, BirdRefusal, openBird } from "../io/system/bird-client.ts";
import { systemClock } from "../io/system/clock.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { type OutputOnceOptions, tableStyle, write, writeDocument } from "./output.ts";

/** "Network not in table" */
const BIRD_NOTHING_FOUND = 8001;

export interface ShadowSockets {
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

/** Compares once. Exit code `differs` where something would differ. */
export async function shadow(
  options: OutputOnceOptions,
  config: Config,
  sockets: ShadowSockets,
  limit: number,
): Promise<void> {
  const birds: Birds = {
    ...(sockets.ipv4 !== undefined && { ipv4: await readBird(sockets.ipv4) }),
    ...(sockets.ipv6 !== undefined && { ipv6: await readBird(sockets.ipv6) }),
  };
  const answer = compareWithBird(config, birds, await readKernel(systemClock()), limit);
  if (options.output === "json" || options.output === "yaml") await writeDocument(answer, options.output);
  else
    await write(
      shadowLines(answer, tableStyle(options))
        .map((line) => `${line}\n`)
        .join(""),
    );
  if (!answer.same) process.exitCode = EXIT.differs;
}

async function readBird(path: string): Promise<BirdSnapshot> {
  const bird = await openBird(path).catch((error: Error) => {
    throw new CliError(EXIT.unreachable, error.message);
  });
  try {
    const status = readStatus(await bird.show("status"));
    // The sockets that we serve in BIRD's place: to compare us with ourselves would find nothing, and say so.
    if (status.version.endsWith("+calidris"))
      throw new CliError(
        EXIT.unreachable,
        `${path}: calidris itself answers there, not BIRD: --bird-socket names BIRD's`,
      );
    const peers = readPeers(await bird.show("protocols all"));
    const exports = new Map<string, ReturnType<typeof readRoutes>>();
    for (const { name, established } of peers)
      if (established) {
        const routes = await routesOf(bird, `route export ${name} all`);
        if (routes) exports.set(name, routes);
      }
    return { status, peers, routes: (await routesOf(bird, "route all")) ?? [], exports };
  } finally {
    bird.close();
  }
}

/** Undefined for a session that went down just now. */
async function routesOf(bird: BirdClient, what: string): Promise<ReturnType<typeof readRoutes> | undefined> {
  try {
    return readRoutes(await bird.show(what));
  } catch (error) {
    if (!(error instanceof BirdRefusal)) throw error;
    return error.code === BIRD_NOTHING_FOUND ? [] : undefined;
  }
}
