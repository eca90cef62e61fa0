import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ExecPlugin, execCredential } from "../../../src/confgen/datastore/kubernetes-access.ts";
import { kubernetesSettings } from "../../../src/confgen/datastore/kubernetes-options.ts";
import { kubernetesAccess, SERVICE_ACCOUNT } from "../../../src/confgen/datastore/kubernetes-server.ts";
import type { Environment } from "../../../src/confgen/environment.ts";

const POD = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

function accessOf(environment: Environment, kubeconfig?: object) {
  return kubernetesAccess(kubernetesSettings(environment), kubeconfig && JSON.stringify(kubeconfig));
}

describe("the environment", () => {
  test("of a pod gives its service account", () => {
    assert.deepEqual(accessOf(POD), {
      server: "https://10.96.0.1:443",
      insecure: false,
      ca: { file: `${SERVICE_ACCOUNT}/ca.crt` },
      tokenFile: `${SERVICE_ACCOUNT}/token`,
    });
  });

  test("of a pod in an IPv6 cluster has the address in brackets", () => {
    assert.equal(accessOf({ ...POD, KUBERNETES_SERVICE_HOST: "fd00::1" }).server, "https://[fd00::1]:443");
  });

  test("names the server and the files by Calico's variables", () => {
    const own = {
      K8S_API_ENDPOINT: "https://api:6443/",
      K8S_CA_FILE: "/ca",
      K8S_CERT_FILE: "/crt",
      K8S_KEY_FILE: "/key",
    };
    assert.deepEqual(accessOf({ ...POD, ...own }), {
      server: "https://api:6443",
      insecure: false,
      ca: { file: "/ca" },
      certificate: { file: "/crt" },
      key: { file: "/key" },
    });
  });

  for (const name of [
    "KUBECONFIG",
    "K8S_API_ENDPOINT",
    "K8S_CERT_FILE",
    "K8S_KEY_FILE",
    "K8S_CA_FILE",
    "K8S_API_TOKEN",
    "K8S_CURRENT_CONTEXT",
  ])
    test(`${name} may have CALICO_ before it, which goes first`, () => {
      const settings = kubernetesSettings({ [name]: "plain", [`CALICO_${name}`]: "prefixed" });
      assert.ok(Object.values(settings).includes("prefixed"));
      assert.ok(Object.values(kubernetesSettings({ [name]: "plain", [`CALICO_${name}`]: "" })).includes("plain"));
    });

  test("a host without a scheme is reached by TLS", () => {
    assert.equal(accessOf({ K8S_API_ENDPOINT: "api.example:6443" }).server, "https://api.example:6443");
  });

  for (const { text, insecure } of [
    { text: "true", insecure: true },
    { text: "1", insecure: true },
    { text: "False", insecure: false },
    { text: "", insecure: false },
  ])
    test(`K8S_INSECURE_SKIP_TLS_VERIFY=${text} is ${insecure}`, () => {
      assert.equal(kubernetesSettings({ K8S_INSECURE_SKIP_TLS_VERIFY: text }).insecure, insecure);
    });

  for (const { environment, message } of [
    {
      environment: { K8S_INSECURE_SKIP_TLS_VERIFY: "maybe" },
      message: /K8S_INSECURE_SKIP_TLS_VERIFY: cannot read "maybe"/,
    },
    { environment: { CALICO_API_GROUP: "v3" }, message: /CALICO_API_GROUP: "v3" is none of/ },
    { environment: {}, message: /No Kubernetes API is named: set KUBECONFIG or K8S_API_ENDPOINT, or run in a pod/ },
    { environment: { K8S_API_ENDPOINT: "https://a b" }, message: /"https:\/\/a b" is no URL/ },
    { environment: { K8S_API_ENDPOINT: "https://me:secret@a" }, message: /: "https:\/\/…@a" is no URL/ },
  ])
    test(`${JSON.stringify(environment)} is a fault`, () => {
      assert.throws(() => accessOf(environment), message);
    });
});

describe("a kubeconfig", () => {
  const config = {
    "current-context": "one",
    contexts: [
      { name: "one", context: { cluster: "c1", user: "u1" } },
      { name: "two", context: { cluster: "c2", user: "u2" } },
      { name: "lost", context: { cluster: "nowhere", user: "u1" } },
    ],
    clusters: [
      {
        name: "c1",
        cluster: { server: "https://one:6443", "certificate-authority": "pki/ca.crt", "tls-server-name": "kube" },
      },
      {
        name: "c2",
        cluster: { server: "https://two", "certificate-authority-data": "Q0E=", "insecure-skip-tls-verify": true },
      },
    ],
    users: [
      { name: "u1", user: { token: "t", tokenFile: "/run/token" } },
      { name: "u2", user: { "client-certificate-data": "Q0VSVA==", "client-key": "own.key" } },
    ],
  };
  const KUBECONFIG = "/etc/calico/kubeconfig";

  test("gives the cluster and the user of its current context, with paths relative to its folder", () => {
    assert.deepEqual(accessOf({ KUBECONFIG }, config), {
      server: "https://one:6443",
      serverName: "kube",
      insecure: false,
      ca: { file: "/etc/calico/pki/ca.crt" },
      token: "t",
      tokenFile: "/run/token",
    });
  });

  test("gives those of another context where that is asked for", () => {
    assert.deepEqual(accessOf({ KUBECONFIG, K8S_CURRENT_CONTEXT: "two" }, config), {
      server: "https://two",
      insecure: true,
      ca: { base64: "Q0E=" },
      certificate: { base64: "Q0VSVA==" },
      key: { file: "/etc/calico/own.key" },
    });
  });

  test("goes before the pod's service account, and variables go before it", () => {
    const access = accessOf({ ...POD, KUBECONFIG, K8S_API_ENDPOINT: "https://other", K8S_API_TOKEN: "mine" }, config);
    assert.equal(access.server, "https://other");
    assert.deepEqual([access.token, access.tokenFile], ["mine", undefined]);
    assert.deepEqual(access.ca, { file: "/etc/calico/pki/ca.crt" });
  });

  test("is read as YAML", () => {
    const text =
      "current-context: a\ncontexts:\n- {name: a, context: {cluster: b}}\nclusters:\n- name: b\n  cluster: {server: 'https://x'}\n";
    const access = kubernetesAccess(kubernetesSettings({ KUBECONFIG }), text);
    assert.deepEqual(access, { server: "https://x", insecure: false });
  });

  test("that is no YAML is refused with what is wrong in it, not with what is missing", () => {
    const settings = kubernetesSettings({ KUBECONFIG });
    assert.throws(() => kubernetesAccess(settings, "contexts: ["), /^Error: \/etc\/calico\/kubeconfig: Flow sequence/);
  });

  for (const { claim, changed, message } of [
    {
      claim: "without a current context",
      changed: { "current-context": "" },
      message: /^Error: \/etc\/calico\/kubeconfig: it has no current-context/,
    },
    { claim: "with an unknown context", changed: { "current-context": "x" }, message: /it has no context named "x"/ },
    {
      claim: "with an unknown cluster",
      changed: { "current-context": "lost" },
      message: /it has no cluster named "nowhere"/,
    },
    { claim: "with an unknown user", changed: { users: [] }, message: /it has no user named "u1"/ },
    { claim: "without a server", changed: { clusters: [{ name: "c1", cluster: {} }] }, message: /it names no server/ },
  ])
    test(`${claim} is told what it lacks`, () => {
      assert.throws(() => accessOf({ KUBECONFIG }, { ...config, ...changed }), message);
    });

  test("that is no YAML is told so by its path", () => {
    assert.throws(
      () => kubernetesAccess(kubernetesSettings({ KUBECONFIG }), "a: [b"),
      /^Error: \/etc\/calico\/kubeconfig: /,
    );
  });

  const exec = {
    apiVersion: "client.authentication.k8s.io/v1beta1",
    command: "bin/give",
    args: ["--for", 7],
    env: [{ name: "PROFILE", value: "x" }],
    installHint: "see the wiki",
  };
  const withExec = (changed: object) => ({
    ...config,
    users: [{ name: "u1", user: { exec: { ...exec, ...changed } } }],
  });

  test("may name a program that gives credentials, relative to its folder", () => {
    assert.deepEqual(accessOf({ KUBECONFIG }, withExec({})).exec, {
      apiVersion: exec.apiVersion,
      command: "/etc/calico/bin/give",
      args: ["--for", "7"],
      env: { PROFILE: "x" },
      installHint: "see the wiki",
    });
    assert.equal(accessOf({ KUBECONFIG }, withExec({ command: "aws" })).exec?.command, "aws");
  });

  for (const { changed, message } of [
    { changed: { apiVersion: "client.authentication.k8s.io/v1alpha1" }, message: /v1alpha1" is none of/ },
    { changed: { command: "" }, message: /exec has no command/ },
    { changed: { interactiveMode: "Always" }, message: /asks for a terminal/ },
  ])
    test(`exec with ${JSON.stringify(changed)} is a fault`, () => {
      assert.throws(() => accessOf({ KUBECONFIG }, withExec(changed)), message);
    });
});

describe("an ExecCredential", () => {
  const apiVersion = "client.authentication.k8s.io/v1";
  const plugin: ExecPlugin = { apiVersion, command: "give", args: [], env: {} };
  const printed = (status: object, head: object = {}) =>
    JSON.stringify({ apiVersion, kind: "ExecCredential", ...head, status });

  test("has a token, or a certificate with its key, and when they expire", () => {
    const expirationTimestamp = "2026-06-01T00:00:00Z";
    assert.deepEqual(execCredential(printed({ token: "t", expirationTimestamp }), plugin), {
      token: "t",
      expires: expirationTimestamp,
    });
    const pair = { clientCertificateData: "C", clientKeyData: "K" };
    assert.deepEqual(execCredential(printed(pair), plugin), { certificate: "C", key: "K" });
  });

  for (const { claim, text, message } of [
    { claim: "no JSON", text: "token", message: /"give": what it printed is not JSON/ },
    { claim: "another kind", text: printed({ token: "t" }, { kind: "Status" }), message: /printed no ExecCredential/ },
    {
      claim: "another version",
      text: printed({ token: "t" }, { apiVersion: "x" }),
      message: /printed no ExecCredential/,
    },
    {
      claim: "a certificate without its key",
      text: printed({ clientCertificateData: "C" }),
      message: /neither a token nor/,
    },
  ])
    test(`${claim} is a fault`, () => {
      assert.throws(() => execCredential(text, plugin), message);
    });
});
