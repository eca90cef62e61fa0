import { stringify } from "yaml";
import type { Config } from "./model.ts";
import { plainConfig, type Secrets } from "./plain.ts";

/**
 * The configuration as YAML with every default written out; parsing it gives the same configuration. Passwords are
 * replaced by a mark that does not parse as a password, unless `secrets` is "show".
 */
export function formatConfig(config: Config, options: { readonly secrets?: Secrets } = {}): string {
  return stringify(plainConfig(config, options.secrets ?? "hide"), { lineWidth: 0, version: "1.2" });
}
