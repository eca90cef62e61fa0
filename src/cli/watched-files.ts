/** The configuration of `calidris run`: files that are read again when they change. */
import type { ConfigProblem } from "../config/model.ts";
import { createParseCache, formatProblem, type ParsedConfig, parseConfig } from "../config/parse.ts";
import type { Log } from "../daemon/ports.ts";
import { type ConfigFile, readConfigFiles } from "../io/system/config-files.ts";
import { type ConfigWatch, watchConfig } from "../io/system/config-watch.ts";
import { readSecret } from "./check-configuration.ts";
import type { ConfigSource } from "./config-source.ts";

export function watchedFiles(path: string, log: Log): ConfigSource {
  const cache = createParseCache();
  let known: readonly ConfigFile[] = [];
  let secretFiles: readonly string[] = [];
  let watch: ConfigWatch | undefined;

  const parse = (files: readonly ConfigFile[]): ParsedConfig => parseConfig(files, { cache, secrets: readSecret });
  const warn = (warnings: readonly ConfigProblem[]) => {
    for (const warning of warnings) log("warn", "configuration", { problem: formatProblem(warning) });
  };

  return {
    async begin() {
      const { files, problems } = await readConfigFiles(path);
      if (problems.length > 0) throw new Error(problems.map((p) => `${p.path}: ${p.message}`).join("\n"));
      const parsed = parse(files);
      if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join("\n"));
      known = files;
      secretFiles = parsed.secretFiles;
      warn(parsed.warnings);
      return parsed.config;
    },
    async follow(sink) {
      watch = await watchConfig(path, {
        known,
        onChange(files) {
          const parsed = parse(files);
          // A refused configuration may wait for its secrets, and the one that runs still has its own.
          secretFiles = parsed.ok ? parsed.secretFiles : [...new Set([...secretFiles, ...parsed.secretFiles])];
          void watch?.watchAlso(secretFiles);
          if (parsed.ok) {
            warn(parsed.warnings);
            sink.changed(parsed.config);
            return;
          }
          const problems = parsed.problems.map(formatProblem);
          for (const problem of problems) log("error", "configuration refused", { problem });
          sink.rejected(problems.join("\n"));
        },
        onProblem(problems) {
          const reasons = problems.map((problem) => `${problem.path}: ${problem.message}`);
          for (const reason of reasons) log("error", "configuration unreadable", { reason });
          sink.rejected(reasons.join("\n"));
        },
      });
      await watch.watchAlso(secretFiles);
    },
    waitingFor: () => `${path} is being read`,
    reread: () => void watch?.reread(),
    close: async () => watch?.close(),
  };
}
