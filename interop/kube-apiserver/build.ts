/**
 * A real kube-apiserver, built from Debian's own source package. Debian has no binary of it, but the source package of
 * Debian 12 is the whole upstream tree with its vendored modules, and Debian 12's Go builds it: about four minutes on two
 * processors, 1.1 GB while it builds. The binary is kept in the cache folder; nothing is installed.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheFolder, lock } from "../packages.ts";
import { run } from "../process.ts";
import { downloadPackages, downloadSource } from "./debian-12.ts";

/** The upstream version in Debian 12's source package. */
export const VERSION = "1.20.2";

/** Raised when what is done to the source changes, so that an old binary is made anew. */
const RECIPE = 1;

const GO = "1.19";
const REFLECT = "github.com/modern-go/reflect2";

let made: Promise<string> | undefined;

/** The path of the binary, built first where it is missing. Safe to call from many processes at once. */
export function kubeApiserverBinary(): Promise<string> {
  made ??= make();
  return made;
}

/** Where the binary stands once it was built. */
function kubeApiserverPath(): string {
  return join(cacheFolder(), "kube-apiserver", `${VERSION}-${RECIPE}`, "kube-apiserver");
}

async function make(): Promise<string> {
  const binary = kubeApiserverPath();
  if (existsSync(binary)) return binary;
  await mkdir(dirname(binary), { recursive: true });
  const unlock = await lock(join(dirname(binary), "build.lock"));
  try {
    if (existsSync(binary)) return binary;
    const work = join(dirname(binary), "build");
    await rm(work, { recursive: true, force: true });
    await mkdir(work, { recursive: true });
    await build(work, binary);
    await removeAll(work);
    return binary;
  } finally {
    unlock();
  }
}

async function build(work: string, binary: string): Promise<void> {
  const debs = join(work, "debs");
  const root = join(work, "root");
  await downloadPackages(debs, [`golang-${GO}-go`, `golang-${GO}-src`, "golang-github-modern-go-reflect2-dev"]);
  for (const file of await readdir(debs)) if (file.endsWith(".deb")) await run(["dpkg", "-x", join(debs, file), root]);
  const source = join(work, "src/k8s.io/kubernetes");
  await downloadSource(join(work, "source"), "kubernetes", source);
  await replaceReflect(source, join(root, "usr/share/gocode/src", REFLECT));

  const environment = {
    ...process.env,
    GOROOT: join(root, `usr/lib/go-${GO}`),
    GOPATH: work,
    GOCACHE: join(work, "cache"),
    GO111MODULE: "off",
    GOFLAGS: "",
    CGO_ENABLED: "0",
  };
  const go = (...words: string[]) =>
    run(["nice", "-n", "15", join(environment.GOROOT, "bin/go"), ...words], {
      cwd: source,
      env: environment,
      timeoutMs: 3_600_000,
    });
  const openapi = join(work, "openapi-gen");
  await go("build", "-o", openapi, "k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen");
  await run(
    [
      openapi,
      ...["--go-header-file", "hack/boilerplate/boilerplate.generatego.txt", "--report-filename", join(work, "report")],
      ...["--output-file-base", "zz_generated.openapi", "--output-package", "k8s.io/kubernetes/pkg/generated/openapi"],
      ...["--output-base", join(work, "src"), "--input-dirs", (await packagesWithOpenApi(source)).join(",")],
    ],
    { cwd: source, env: { ...environment, PATH: `${environment.GOROOT}/bin:${process.env.PATH}` }, timeoutMs: 600_000 },
  );
  const base = "k8s.io/kubernetes/vendor/k8s.io/component-base/version";
  const [major, minor] = VERSION.split(".");
  const facts = { gitVersion: `v${VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: "archive" };
  const flags = Object.entries(facts).map(([name, value]) => `-X ${base}.${name}=${value}`);
  const fresh = join(work, "kube-apiserver");
  await go("build", "-ldflags", ["-s -w", ...flags].join(" "), "-o", fresh, "k8s.io/kubernetes/cmd/kube-apiserver");
  await rename(fresh, binary);
}

/**
 * The vendored reflect2 reaches into the runtime of older Go releases: a server with it dies at the first definition of a
 * custom resource. Debian's own package of the module is the one that works with Debian's Go.
 */
async function replaceReflect(source: string, from: string): Promise<void> {
  const to = join(source, "vendor", REFLECT);
  const isCode = (file: string) => /\.(go|s)$/.test(file);
  for (const file of await readdir(to)) if (isCode(file)) await rm(join(to, file));
  for (const file of await readdir(from))
    if (isCode(file) && !file.endsWith("_test.go")) await copyFile(join(from, file), join(to, file));
}

/** Debian's source leaves out the generated OpenAPI code. It is made from every package that asks for it in a comment. */
async function packagesWithOpenApi(source: string): Promise<string[]> {
  const tag = "^// \\+k8s:openapi-gen=";
  const { stdout } = await run(["grep", "-rlE", "--include=*.go", tag, "pkg", "cmd", "staging", "vendor/k8s.io"], {
    cwd: source,
    anyExit: true,
  });
  const folders = new Set<string>();
  for (const file of stdout.split("\n").filter((line) => line !== "")) {
    const folder = dirname(file);
    if (/(^|\/)(testdata|_output)(\/|$)/.test(folder) || file.endsWith("_test.go")) continue;
    // vendor/k8s.io links into staging, and is the path that imports have.
    const path = folder.replace(/^staging\/src\/k8s\.io\//, "vendor/k8s.io/");
    folders.add(`k8s.io/kubernetes/${path}`);
  }
  return [...folders].sort();
}

/** Go's own files are read-only. */
async function removeAll(folder: string): Promise<void> {
  await run(["chmod", "-R", "u+w", folder], { anyExit: true });
  await rm(folder, { recursive: true, force: true });
}
