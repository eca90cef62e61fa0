/** A directory as a datastore of the contract suite: a file for each resource. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Kind } from "../../src/confgen/resources/model.ts";
import { openFilesDatastore } from "../../src/io/datastore/files.ts";
import type { DatastoreWorld, PlainResource } from "../contract/datastore.ts";
import { nameOf } from "../contract/datastore-resources.ts";

export function filesWorld(format: "yaml" | "json", listedEntries?: number): DatastoreWorld {
  const parent = mkdtempSync(join(tmpdir(), "calidris-"));
  const folder = join(parent, "store");
  /** Where the directory is now. */
  let place = folder;
  const fileOf = (kind: Kind, name: string) => join(place, `${kind}-${name.replace("/", "_")}.${format}`);
  const textOf = (resource: PlainResource) =>
    format === "yaml" ? stringify(resource) : `${JSON.stringify(resource)}\n`;
  mkdirSync(folder);
  return {
    async open(options) {
      return openFilesDatastore(folder, {
        ...options,
        settleMs: 5,
        ...(listedEntries !== undefined && { listedEntries }),
      });
    },
    async put(resource) {
      // In place, as an editor may: a look may find half of it.
      await writeFile(fileOf(resource.kind, nameOf(resource)), textOf(resource));
    },
    async remove(kind, name) {
      await rm(fileOf(kind, name), { force: true });
    },
    async breakConnection() {
      place = join(parent, "away");
      await rename(folder, place);
    },
    async restore() {
      await rename(place, folder);
      place = folder;
    },
    async close() {
      rmSync(parent, { recursive: true, force: true });
    },
  };
}
