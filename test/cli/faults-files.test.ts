/** `calidris node` over a folder of files that somebody edits, loses, and writes half of. */
import { mkdtempSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { requires } from "../../interop/requires.ts";
import { ADDRESSES, block, type Far, RESOURCES, startFar, startNode, type World } from "./fault-world.ts";
import { type Fault, survives } from "./faults.ts";
import { enterOwnNetwork } from "./own-network.ts";

const skip = await requires("netns");
if (!skip) await enterOwnNetwork(fileURLToPath(import.meta.url), ADDRESSES);

describe("calidris node over files", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "calidris-store-"));
  const store = join(folder, "store");
  const file = join(store, "all.yaml");
  let far: Far;
  let node: World;
  let blocks = 0;
  let text = RESOURCES.map((resource) => stringify(resource)).join("---\n");
  before(async () => {
    await mkdir(store);
    await writeFile(file, text);
    far = await startFar();
    node = await startNode(far, { datastore: ["--datastore", "files", "--datastore-path", store] });
    await node.established();
    await node.untilWritten("10.244.0.0/26");
  });
  after(async () => {
    await node?.close();
    await far?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** As an editor does that takes a new file; returns what the files then hold. */
  async function change(): Promise<string> {
    text += `---\n${stringify(block(++blocks))}`;
    await writeFile(join(folder, "draft"), text);
    await rename(join(folder, "draft"), file);
    return `10.244.${blocks}.0/26`;
  }

  const faults: readonly Fault[] = [
    {
      name: "a file that a full disk has cut",
      begin: () => writeFile(file, text.slice(0, text.indexOf("nodeToNodeMesh") + 20)),
      says: /all\.yaml: it ends in the middle of a line now, .* stays until it is whole/,
      end: change,
    },
    {
      name: "a file that a full disk has emptied",
      begin: () => writeFile(file, ""),
      says: /all\.yaml: it is empty now, /,
      end: change,
    },
    {
      name: "no YAML",
      begin: () => writeFile(file, text.replace("asNumber:", "asNumber: [")),
      says: /all\.yaml:\d+: /,
      isHeard: true,
      end: change,
    },
    {
      name: "the folder is moved away",
      begin: () => rename(store, join(folder, "away")),
      says: /store: there is none$/,
      isHeard: true,
      async end() {
        await rename(join(folder, "away"), store);
        return change();
      },
    },
    {
      name: "two documents of one name",
      begin: () =>
        writeFile(join(store, "second.yaml"), stringify({ ...block(0), spec: { cidr: "10.9.0.0/26", node: "n1" } })),
      says: /second\.yaml:\d+: BlockAffinity\/\S+ stands at \S+all\.yaml:\d+ already, which counts; remove one of them$/,
      isHeard: true,
      async end() {
        await rm(join(store, "second.yaml"));
        return change();
      },
    },
  ];
  for (const fault of faults) test(fault.name, { timeout: 120_000 }, () => survives(node, fault));
});
