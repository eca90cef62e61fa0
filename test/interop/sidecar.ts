/** `calidris node` beside a folder of Calico's resources, as calico-node's container has it. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNode, Running } from "../../interop/lab.ts";
import { signalTo } from "../../interop/peers/bird.ts";
import { MAIN } from "../../interop/peers/calidris.ts";
import { poll } from "../../interop/process.ts";
import { readiness } from "../control/bird-readers.ts";
import { askSocket } from "./bird-clients.ts";

/** A resource as calicoctl writes it. */
export const resource = (kind: string, name: string, spec: object, labels?: Readonly<Record<string, string>>) => ({
  apiVersion: "projectcalico.org/v3",
  kind,
  metadata: { name, ...(labels && { labels }) },
  spec,
});

export interface Sidecar {
  readonly datastore: string;
  readonly generated: string;
  /** Of the daemon's own control. */
  readonly socket: string;
  start(): Promise<Running>;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  write(name: string, resources: readonly object[]): Promise<void>;
  bird(...commands: readonly string[]): Promise<string>;
  /** The verdict of Calico's readiness probe; undefined is ready. */
  readiness(recent: boolean): Promise<string | undefined>;
  /** Ready by the probe's strict measure. */
  untilReady(): Promise<void>;
  log(): Promise<string>;
}

/** The folder is the node's own, or one that several share. */
export async function sidecar(host: LabNode, shared?: string): Promise<Sidecar> {
  const folder = await host.folder("calico");
  const datastore = shared ?? join(folder, "datastore");
  const generated = join(folder, "lib");
  const run = join(folder, "run");
  await mkdir(datastore, { recursive: true });
  const socket = join(run, "control.sock");
  let running: Running | undefined;
  const log = async () => (await running?.log()) ?? "";
  const bird = (...commands: readonly string[]) => askSocket(join(run, "bird.ctl"), ...commands);
  const self: Sidecar = {
    datastore,
    generated,
    socket,
    async start() {
      const env = { PATH: process.env.PATH, NODENAME: host.name, CALICO_ENDPOINT_STATUS_PATH_PREFIX: run };
      const words = ["--datastore", "files", "--datastore-path", datastore, "--out", generated];
      const places = ["--socket", socket, "--state", join(run, "state"), "--bird-socket", run];
      running = await host.spawn("node", folder, [process.execPath, MAIN, "node", ...words, ...places], { env });
      return running;
    },
    async end(signal) {
      signalTo(running!.pid, signal);
      await running!.exited;
    },
    async write(name, resources) {
      await writeFile(join(datastore, `.${name}`), JSON.stringify({ kind: "List", items: resources }));
      await rename(join(datastore, `.${name}`), join(datastore, `${name}.json`));
    },
    bird,
    readiness: async (recent) => readiness(await bird("show status"), await bird("show protocols"), recent),
    untilReady: () =>
      poll(
        `calico-node on ${host.name} to be ready`,
        async () => {
          const protocols = await bird("show protocols").catch(() => "");
          if (!protocols.includes("BGP")) return false;
          return readiness(await bird("show status"), protocols, true) === undefined;
        },
        { explain: log },
      ).then(() => undefined),
    log,
  };
  return self;
}
