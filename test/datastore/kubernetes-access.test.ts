/** Who the API server is, and who we are to it: certificates, tokens that rotate, programs that give credentials. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createAuthority } from "../../interop/certificates.ts";
import { peer } from "../contract/datastore-resources.ts";
import { isList, openWorld } from "./kubernetes-world.ts";

/** That of the manual clock. */
const NOW = Date.parse("2026-06-01T00:00:00Z");
const DAY_MS = 86_400_000;

async function folderFor(context: TestContext): Promise<(name: string, content?: string) => Promise<string>> {
  const folder = await mkdtemp(join(tmpdir(), "calidris-access-"));
  context.after(() => rm(folder, { recursive: true }));
  return async (name, content) => {
    const path = join(folder, name);
    if (content !== undefined) await writeFile(path, content);
    return path;
  };
}

/** Valid by the computer's clock, which is the one that TLS asks. */
async function securedBy(
  context: TestContext,
  request: { readonly names?: string[]; readonly validFrom?: Date; readonly validTo?: Date } = {},
) {
  const file = await folderFor(context);
  const authority = createAuthority("test");
  const issued = authority.issue({ commonName: "api", names: ["127.0.0.1"], ...request });
  return {
    file,
    authority,
    tls: { key: issued.key, cert: issued.certificate },
    caFile: await file("ca.crt", authority.certificate),
  };
}

test("an address with a port that there is not is told", async (context) => {
  const world = await openWorld(context, { settings: { endpoint: "https://127.0.0.1:70000" } });
  await world.failing(/^"https:\/\/127.0.0.1:70000" is no URL of an API server$/);
});

describe("the server's certificate", () => {
  test("is believed when the CA has signed it", async (context) => {
    const { tls, caFile } = await securedBy(context);
    const { said, has } = await openWorld(context, { fake: { tls }, settings: { caFile }, before: [peer("tor-a")] });
    await said.until("synced", () => said.synced() !== undefined);
    assert.ok(has(peer("tor-a")));
  });

  test("of another CA is told with the place of ours; the CA's file may be replaced while we run", async (context) => {
    const { tls, authority, file } = await securedBy(context);
    const caFile = await file("other.crt", createAuthority("other").certificate);
    const world = await openWorld(context, { fake: { tls }, settings: { caFile } });
    const reason = await world.failing(/is not signed by the CA of .*other.crt/);
    assert.match(reason, new RegExp(`https://127.0.0.1:${world.fake.port}`));
    await writeFile(caFile, authority.certificate);
    await world.connected();
  });

  test("for other names is told with them", async (context) => {
    const { tls, caFile } = await securedBy(context, { names: ["api.example"] });
    const world = await openWorld(context, { fake: { tls }, settings: { caFile } });
    await world.failing(/is for other names: .*api\.example/);
  });

  const real = Date.now();
  for (const { what, validFrom, validTo, serverMs, expected } of [
    {
      what: "that has expired, with the same time on both sides, must be renewed",
      validFrom: real - 2 * DAY_MS,
      validTo: real - DAY_MS,
      serverMs: NOW,
      expected:
        /has expired \(valid from \S+Z to \S+Z\); this machine's clock and the server's agree: the certificate must be renewed$/,
    },
    {
      what: "that has expired, with another time there, tells of the clocks",
      validFrom: real - 2 * DAY_MS,
      validTo: real - DAY_MS,
      serverMs: NOW - 3 * DAY_MS,
      expected: /has expired .*the server's clock is 3 days behind this machine's: one of the two is wrong$/,
    },
    {
      what: "that is not yet valid tells of the clocks",
      validFrom: real + DAY_MS,
      validTo: real + 2 * DAY_MS,
      serverMs: NOW + 1.5 * DAY_MS,
      expected: /is not yet valid .*the server's clock is 36 hours ahead of this machine's: one of the two is wrong$/,
    },
  ])
    test(what, async (context) => {
      const validity = { validFrom: new Date(validFrom), validTo: new Date(validTo) };
      const { tls, caFile } = await securedBy(context, validity);
      const token = "of-mine";
      const world = await openWorld(context, { fake: { tls, wallMs: () => serverMs }, settings: { caFile, token } });
      await world.failing(expected);
      assert.ok(world.fake.requests.length > 0, "the server was asked for its clock");
      assert.ok(
        world.fake.requests.every((seen) => seen.token === undefined),
        "without our token",
      );
    });

  test("is not looked at where the operator says so", async (context) => {
    const { tls } = await securedBy(context, { names: ["api.example"] });
    const { said } = await openWorld(context, { fake: { tls }, settings: { insecure: true } });
    await said.until("synced", () => said.synced() !== undefined);
  });

  test("that renews while we run is believed by the same CA; what was given stays meanwhile", async (context) => {
    const { tls, authority, caFile } = await securedBy(context);
    const world = await openWorld(context, { fake: { tls }, settings: { caFile }, before: [peer("tor-a")] });
    await world.watching();
    const lapsed = authority.issue({ commonName: "api", names: ["127.0.0.1"], validTo: new Date(Date.now() - 60_000) });
    await world.fake.stop();
    world.fake.change({ tls: { key: lapsed.key, cert: lapsed.certificate } });
    await world.fake.start();
    world.clock.advance(1_000);
    await world.failing(/has expired/);
    assert.ok(world.has(peer("tor-a")));
    await world.fake.stop();
    world.fake.change({ tls });
    world.put(peer("tor-b"));
    await world.fake.start();
    await world.connected();
    await world.said.until("what was missed", () => world.has(peer("tor-b")));
    assert.deepEqual(world.said.saidOf("BGPPeer", "tor-a"), ["set"]);
  });
});

describe("a token", () => {
  test("in a file is read again as it rotates", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const tokenFile = await file("token", "first\n");
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ tokenFile: "token" }));
    const world = await openWorld(context, {
      fake: { tls, tokens: new Map([["first", "node"]]) },
      settings: { caFile, kubeconfig },
      before: [peer("tor-a")],
    });
    await world.watching();
    await writeFile(tokenFile, "second\n");
    world.fake.change({ tokens: new Map([["second", "node"]]) });
    const asked = world.fake.requests.length;
    world.clock.advance(2_000);
    world.fake.endWatches();
    world.put(peer("tor-b"));
    await world.said.until("the change", () => world.has(peer("tor-b")));
    assert.ok(world.fake.requests.slice(asked).every(({ token }) => token === "second"));
    assert.equal(world.said.status()?.state, "connected");
  });

  test("that is not accepted is told with its file; what was given stays, and a fresh one is taken", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const tokenFile = await file("token", "first\n");
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ tokenFile: "token" }));
    const world = await openWorld(context, {
      fake: { tls, tokens: new Map([["first", "node"]]) },
      settings: { caFile, kubeconfig },
      before: [peer("tor-a")],
    });
    await world.watching();
    world.fake.change({ tokens: new Map([["second", "node"]]) });
    world.fake.endWatches();
    await world.failing(/^The API server does not accept the token of \S+\/token \(401 Unauthorized\)$/);
    assert.ok(world.has(peer("tor-a")));
    await writeFile(tokenFile, "second");
    await world.connected();
  });

  test("that expires between two chunks of a list is read anew for the second", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const tokenFile = await file("token", "first");
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ tokenFile: "token" }));
    const peers = Array.from({ length: 700 }, (_, at) => peer(`p${at}`));
    const { said, fake } = await openWorld(context, {
      fake: { tls, tokens: new Map([["first", "node"]]) },
      settings: { caFile, kubeconfig },
      before: peers,
      intercept(seen) {
        if (isList("bgppeers")(seen) && seen.query.get("continue") !== null) {
          fake.change({ tokens: new Map([["second", "node"]]) });
          writeFileSync(tokenFile, "second");
        }
        return undefined;
      },
    });
    await said.until("synced", () => said.synced() !== undefined);
    assert.equal([...said.view.keys()].length, 700);
  });

  test("is not sent in the clear", async (context) => {
    const { said, fake } = await openWorld(context, { settings: { token: "mine" } });
    await said.until("synced", () => said.synced() !== undefined);
    assert.ok(fake.requests.every(({ headers }) => headers.authorization === undefined));
  });

  test("whose file is missing is told", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ tokenFile: "nowhere" }));
    const world = await openWorld(context, { fake: { tls }, settings: { caFile, kubeconfig } });
    await world.failing(/^Cannot read the token \S+\/nowhere: there is no such file$/);
  });
});

describe("a program that gives credentials", () => {
  /** It counts its runs, and prints the next of the tokens each time. */
  async function program(
    file: (name: string, content?: string) => Promise<string>,
    tokens: readonly string[],
    expires = "",
  ) {
    const runs = await file("runs", "");
    const names = tokens.map((token, at) => `${at}) token=${token};;`).join("\n");
    const status = `\\"token\\":\\"$token\\"${expires === "" ? "" : `,\\"expirationTimestamp\\":\\"${expires}\\"`}`;
    const path = await file(
      "give",
      `#!/bin/sh
case $(wc -l < ${runs}) in
${names}
esac
echo "$KUBERNETES_EXEC_INFO" >> ${runs}
echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{${status}}}"
`,
    );
    await chmod(path, 0o700);
    return async () => (await readFile(runs, "utf8")).trim().split("\n");
  }
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./give", provideClusterInfo: true };

  test("is run once for all requests, with the cluster, and again when its token is not accepted", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const runs = await program(file, ["first", "second"]);
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ exec }));
    const world = await openWorld(context, {
      fake: { tls, tokens: new Map([["first", "node"]]) },
      settings: { caFile, kubeconfig },
      before: [peer("tor-a")],
    });
    await world.watching();
    const [info, ...others] = await runs();
    assert.deepEqual(others, []);
    assert.deepEqual(JSON.parse(info!), {
      apiVersion: exec.apiVersion,
      kind: "ExecCredential",
      spec: { cluster: { server: world.fake.url }, interactive: false },
    });
    world.fake.change({ tokens: new Map([["second", "node"]]) });
    world.put(peer("tor-b"));
    world.clock.advance(2_000);
    world.fake.endWatches();
    await world.said.until("it goes on", () => world.has(peer("tor-b")));
    await world.watching();
    assert.equal(world.said.status()?.state, "connected");
    assert.ok(world.fake.requests.some(({ token }) => token === "second"));
  });

  test("is run again when its credential expires", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const runs = await program(file, ["first", "second"], new Date(NOW + 3600_000).toISOString());
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ exec }));
    const world = await openWorld(context, {
      fake: {
        tls,
        tokens: new Map([
          ["first", "node"],
          ["second", "node"],
        ]),
      },
      settings: { caFile, kubeconfig },
    });
    await world.watching();
    assert.equal((await runs()).length, 1);
    const renewed = world.fake.nextRequest(({ token }) => token === "second");
    world.clock.advance(3600_000);
    world.fake.endWatches();
    await renewed;
    assert.ok((await runs()).length >= 2);
  });

  test("that fails is told with its last words and the hint of the kubeconfig", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const path = await file("give", "#!/bin/sh\necho no such profile >&2\nexit 3\n");
    await chmod(path, 0o700);
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ exec: { ...exec, installHint: "see the wiki" } }));
    const world = await openWorld(context, { fake: { tls }, settings: { caFile, kubeconfig } });
    await world.failing(
      /^exec "\S+\/give" gave no credentials: it ended with exit code 3: no such profile; see the wiki$/,
    );
  });

  test("that does not exist leaves nothing behind, however often it is tried", async (context) => {
    const { tls, file, caFile } = await securedBy(context);
    const kubeconfig = await file("kubeconfig", kubeconfigOf({ exec: { ...exec, command: "/nowhere/give" } }));
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on("warning", onWarning);
    context.after(() => process.off("warning", onWarning));
    const world = await openWorld(context, { fake: { tls }, settings: { caFile, kubeconfig } });
    await world.failing(/^exec "\/nowhere\/give" gave no credentials: there is no such program/);
    for (let i = 0; i < 12; i++) {
      const again = world.failing(/there is no such program/);
      world.clock.advance(60_000);
      await again;
    }
    assert.deepEqual(warnings, []);
  });
});

/** The server is that of the settings: K8S_API_ENDPOINT goes before the kubeconfig. */
function kubeconfigOf(user: object): string {
  return JSON.stringify({
    "current-context": "own",
    contexts: [{ name: "own", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server: "https://elsewhere.example" } }],
    users: [{ name: "u", user }],
  });
}
