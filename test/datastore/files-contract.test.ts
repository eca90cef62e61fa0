import { datastoreContract } from "../contract/datastore.ts";
import { filesWorld } from "./files-world.ts";

datastoreContract({
  name: "a directory of YAML files",
  world: async () => filesWorld("yaml"),
  hasServices: true,
  hasUnreadable: false,
});
datastoreContract({
  name: "a directory of JSON files, watched directly",
  world: async () => filesWorld("json", 0),
  hasServices: true,
  hasUnreadable: false,
});
