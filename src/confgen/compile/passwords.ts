/** TCP-MD5 keys that resources refer to (calico-bgp.md 3.4). */
import { passwordFault } from "../../config/scalars.ts";
import type { Finding } from "../finding.ts";
import type { SecretKeyRef } from "../resources/model.ts";
import { faultFinding } from "./faults.ts";
import type { CompileInput } from "./input.ts";

/** One of both, or neither where the session is to run without a password. */
export interface Credential {
  readonly password?: string;
  /** Why the session is held down. */
  readonly held?: string;
}

export interface Passwords {
  /** `owner` is what refers to it, as `BGPPeer/tor-a`. */
  of(ref: SecretKeyRef | undefined, owner: string): Credential;
  /** `namespace/name` of each Secret that was asked for, sorted. */
  secrets(): string[];
}

const DEFAULT_NAMESPACE = "kube-system";
const OPEN: Credential = {};

export function createPasswords(input: CompileInput, findings: Finding[]): Passwords {
  const namespace = input.environment.NAMESPACE || DEFAULT_NAMESPACE;
  const asked = new Set<string>();
  const said = (code: string, resource: string, severity: Finding["severity"], message: string) =>
    findings.push({ severity, code, resource, message });

  /** The value, or why there is none. */
  function lookUp(secret: string, key: string): { readonly value: string } | { readonly missing: string } {
    const entry = input.resources.Secret.get(secret);
    if (!entry) return { missing: `the Secret ${secret} is missing` };
    // A Secret that may not be read is one of these; the finding of the Secret itself says which rule would allow it.
    if (!entry.value) return { missing: `the Secret ${secret} cannot be read, or is not valid` };
    if (!Object.hasOwn(entry.value.data, key)) return { missing: `the Secret ${secret} has no key ${key}` };
    const value = entry.value.data[key]!;
    return value === "" ? { missing: `the key ${key} of the Secret ${secret} is empty` } : { value };
  }

  return {
    of(ref, owner) {
      if (!ref) return OPEN;
      const secret = `${namespace}/${ref.name}`;
      if (!asked.has(secret)) {
        asked.add(secret);
        const entry = input.resources.Secret.get(secret);
        const fault = entry && faultFinding("Secret", secret, entry, "there is no password from it");
        if (fault) findings.push(fault);
      }
      const found = lookUp(secret, ref.key);
      if ("missing" in found) {
        const open = input.missingPassword === "open";
        const done = open ? "its sessions run without a password" : "its sessions are held down";
        said("password-missing", owner, open ? "warning" : "error", `No password: ${found.missing}; ${done}`);
        return open ? OPEN : { held: found.missing };
      }
      const fault = passwordFault(found.value);
      if (fault !== undefined) {
        const held = `the key ${ref.key} of the Secret ${secret} cannot be a password: ${fault}`;
        said("password-unusable", owner, "error", `No password: ${held}; its sessions are held down`);
        return { held };
      }
      if (/[\r\n]$/.test(found.value))
        said(
          "password-line-break",
          owner,
          "warning",
          `The key ${ref.key} of the Secret ${secret} ends in a line break, which is part of the password`,
        );
      return { password: found.value };
    },
    secrets: () => [...asked].sort(),
  };
}
