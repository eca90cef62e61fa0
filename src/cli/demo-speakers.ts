/** Other people's speakers that may be on this machine, and how each is told to announce one route. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NET } from "./demo-plan.ts";

export interface Speaker {
  /** `BIRD 2.0.12` */
  readonly title: string;
  /** Writes its files to the folder; the commands to run until the end, in order. */
  commands(folder: string): readonly (readonly string[])[];
  /** Folders of its own that it leaves behind when it is killed: name and process id go in place of NAME and PID. */
  readonly litter?: string;
  /** Run, again and again until it succeeds, when the others run. */
  readonly afterwards?: readonly string[];
}

/** The speakers found. */
export function findSpeakers(): Speaker[] {
  return [findBird(), findFrr(), findGobgp()].filter((speaker) => speaker !== undefined);
}

function findBird(): Speaker | undefined {
  const bird = program("bird");
  const version = bird && /(\d+\.\d[\d.]*)/.exec(output([bird, "--version"]))?.[1];
  if (!bird || !version || Number.parseInt(version, 10) < 2) return undefined;
  return {
    title: `BIRD ${version} (${bird})`,
    commands(folder) {
      writeFileSync(
        join(folder, "bird.conf"),
        `router id ${NET.neighbour.address};
protocol device { }
protocol static { ipv4; route ${NET.route} blackhole; }
protocol bgp calidris {
  local ${NET.neighbour.address} as ${NET.neighbour.asn};
  neighbor ${NET.ours.address} as ${NET.ours.asn};
  password "${NET.password}";
  connect delay time 1; connect retry time 2; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`,
      );
      return [
        [bird, "-f", "-c", join(folder, "bird.conf"), "-s", join(folder, "bird.ctl"), "-P", join(folder, "bird.pid")],
      ];
    },
  };
}

function findFrr(): Speaker | undefined {
  const [zebra, bgpd] = [program("zebra"), program("bgpd")];
  const version = bgpd && /version (\S+)/.exec(output([bgpd, "--version"]))?.[1];
  const owner = frrAccount();
  if (!zebra || !bgpd || !version || !owner) return undefined;
  return {
    title: `FRR ${version} (${bgpd})`,
    commands(folder) {
      chownSync(folder, owner.uid, owner.gid);
      chmodSync(dirname(folder), 0o711);
      writeFileSync(join(folder, "zebra.conf"), "hostname neighbour\n");
      writeFileSync(
        join(folder, "bgpd.conf"),
        `router bgp ${NET.neighbour.asn}
 bgp router-id ${NET.neighbour.address}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${NET.ours.address} remote-as ${NET.ours.asn}
 neighbor ${NET.ours.address} password ${NET.password}
 neighbor ${NET.ours.address} timers connect 1
 address-family ipv4 unicast
  network ${NET.route}
`,
      );
      const shared = ["-z", join(folder, "zserv.api"), "--vty_socket", folder, "--vty_port", "0"];
      return ["zebra", "bgpd"].map((name) => [
        name === "zebra" ? zebra : bgpd,
        ...["-f", join(folder, `${name}.conf`), "-i", join(folder, `${name}.pid`)],
        ...shared,
      ]);
    },
    litter: "/var/tmp/frr/NAME.PID",
  };
}

/** FRR changes to its own account, which it cannot where only our own is mapped (an unprivileged user namespace). */
function frrAccount(): { readonly uid: number; readonly gid: number } | undefined {
  const isWholeMap = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
  const [uid, gid] = ["-u", "-g"].map((option) => Number.parseInt(output(["id", option, "frr"]), 10));
  return isWholeMap && uid! > 0 && gid! > 0 ? { uid: uid!, gid: gid! } : undefined;
}

function findGobgp(): Speaker | undefined {
  const [gobgpd, gobgp] = [program("gobgpd"), program("gobgp")];
  const version = gobgpd && /(\d+\.\d[\d.]*)/.exec(output([gobgpd, "--version"]))?.[1];
  if (!gobgpd || !gobgp || !version) return undefined;
  return {
    title: `GoBGP ${version} (${gobgpd})`,
    commands(folder) {
      writeFileSync(
        join(folder, "gobgpd.toml"),
        `[global.config]
  as = ${NET.neighbour.asn}
  router-id = "${NET.neighbour.address}"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${NET.ours.address}"
    peer-as = ${NET.ours.asn}
    auth-password = "${NET.password}"
  [neighbors.timers.config]
    connect-retry = 2
`,
      );
      return [[gobgpd, "-f", join(folder, "gobgpd.toml"), "--api-hosts", "127.0.0.1:50051"]];
    },
    afterwards: [gobgp, "global", "rib", "add", NET.route],
  };
}

const FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/usr/lib/frr", "/usr/libexec/frr"];

function program(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":").filter((folder) => folder.startsWith("/")), ...FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function output([file, ...args]: readonly string[]): string {
  const { stdout, stderr } = spawnSync(file!, args, { encoding: "utf8", timeout: 5000 });
  return `${stdout ?? ""}${stderr ?? ""}`;
}
