/** The TCP-MD5 keys of one listening socket. */
import type { ListenerKey, ListenSpec, Log } from "../../daemon/ports.ts";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { contains, formatPrefix, type Prefix, prefixOf } from "../../ip/prefix.ts";
import { type KeyOwner, setMd5Key } from "./md5-key.ts";
import { interfaceIndex } from "./native.ts";
import { keyFailure } from "./reasons.ts";

export interface ListenerKeys {
  /** Adds, replaces and removes keys on the live socket, so that exactly `wanted` of its family are set. */
  set(wanted: readonly ListenerKey[]): void;
  /** Its key could not be set: whoever comes from there without a signature must not pass for it. */
  refuses(remote: string | undefined): boolean;
}

/** A key as the kernel has it. */
interface Applied {
  readonly owner: KeyOwner;
  readonly md5Key: string;
  /** Of the VRF; 0 where the key goes by address alone. */
  readonly ifindex: number;
}

const EINVAL = 22;
const ENODEV = 19;

export function createListenerKeys(fd: number, spec: ListenSpec, log: Log): ListenerKeys {
  const { family } = spec.local.address;
  let applied = new Map<string, Applied>();
  let refused: Prefix[] = [];

  /** The kernel takes a device only if it is a VRF; a socket that is bound to its device needs none. */
  function apply(key: ListenerKey): Applied | number {
    const device = spec.interface === undefined ? key.interface : undefined;
    const owner: KeyOwner = { remote: key.remote, prefixLength: rangeOf(key) };
    if (device !== undefined) {
      const ifindex = interfaceIndex(device);
      const status = setMd5Key(fd, { ...owner, vrf: device }, key.md5Key);
      if (status === 0) return { owner: { ...owner, vrf: device }, md5Key: key.md5Key, ifindex };
      if (status !== -EINVAL && status !== -ENODEV) return status;
    }
    const status = setMd5Key(fd, owner, key.md5Key);
    return status === 0 ? { owner, md5Key: key.md5Key, ifindex: 0 } : status;
  }

  return {
    set(wanted) {
      const next = new Map<string, ListenerKey>();
      for (const key of wanted) {
        if (key.remote.family !== family) continue;
        const name = nameOf(key);
        if (!next.has(name)) next.set(name, key);
      }
      // What goes first: a host's key that stayed behind would shadow its range's.
      for (const [name, { owner }] of applied) if (!next.has(name)) setMd5Key(fd, owner, ""); // gone already is as good
      refused = [];
      const now = new Map<string, Applied>();
      for (const [name, key] of next) {
        const old = applied.get(name);
        const ifindex = old?.owner.vrf === undefined ? 0 : interfaceIndex(old.owner.vrf);
        if (old?.md5Key === key.md5Key && old.ifindex === ifindex) {
          now.set(name, old);
          continue;
        }
        const result = apply(key);
        if (typeof result !== "number") {
          now.set(name, result);
          continue;
        }
        // Tried again at the next change.
        refused.push(prefixOf(key.remote, key.prefixLength ?? key.remote.bytes.length * 8));
        log("error", "md5KeyFailed", { remote: name, reason: keyFailure(result) });
      }
      applied = now;
    },
    refuses(remote) {
      const address = refused.length > 0 && remote !== undefined ? parseAddress(remote) : undefined;
      return address !== undefined && refused.some((prefix) => contains(prefix, address));
    },
  };
}

/** Undefined for a single address, which the kernel does not tell from a prefix of full length. */
function rangeOf({ remote, prefixLength }: ListenerKey): number | undefined {
  return prefixLength === remote.bytes.length * 8 ? undefined : prefixLength;
}

/** Host bits masked, so that two spellings of one prefix are one key. */
function nameOf(key: ListenerKey): string {
  const length = rangeOf(key);
  const { family, bytes } = key.remote;
  const range = length === undefined ? formatAddress({ family, bytes }) : formatPrefix(prefixOf(key.remote, length));
  return key.interface === undefined ? range : `${range} on ${key.interface}`;
}
