import type { Family } from "../../ip/address.ts";
import { formatAddress } from "../../ip/address.ts";
import { present } from "../datastore/json.ts";
import { anything, field, list, mapping, section, words } from "./fields.ts";
import type { WorkloadResource } from "./model.ts";
import { createParser } from "./parsed.ts";
import { readAddress } from "./scalars.ts";

/** The address of `10.65.0.2/32`; anything else than a single host says none. */
function hostOf(family: Family) {
  return field<string>("a CIDR", (text) => {
    const [host = "", length] = text.split("/");
    const address = readAddress(host);
    const bits = family === "ipv4" ? "32" : "128";
    return address?.family === family && (length ?? bits) === bits ? formatAddress(address) : undefined;
  });
}

const HOSTS = { ipv4: hostOf("ipv4"), ipv6: hostOf("ipv6") };

/** Entries that are no single host are passed over. */
const cidrs = (family: Family) =>
  anything
    .transform((value) =>
      Array.isArray(value) ? value.filter((entry) => HOSTS[family].safeParse(entry).success) : value,
    )
    .pipe(list(HOSTS[family]));

const workload = mapping({
  spec: section({
    ifaceName: field("the name of an interface of at most 15 characters", (text) =>
      /^[^\s/\p{Cc}]{1,15}$/u.test(text) ? text : undefined,
    ),
    ipv4Nets: cidrs("ipv4"),
    ipv6Nets: cidrs("ipv6"),
    bgpPeerName: words("the name of a BGPPeer", 253),
  }),
});

/** calico-bgp.md 3.5. */
export const parseWorkload = createParser(workload, (name, { spec }, complain): WorkloadResource => {
  if (spec.ifaceName === undefined) complain("spec.ifaceName", "is missing");
  return {
    kind: "Workload",
    name,
    interface: spec.ifaceName ?? "",
    ...present({ ipv4: spec.ipv4Nets?.[0], ipv6: spec.ipv6Nets?.[0], bgpPeer: spec.bgpPeerName }),
  };
});
