/** Debian's birdc, and readers as Calico's, at the sockets of a daemon with sessions to BIRD 1.6 and FRR. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { bird1 } from "../../interop/peers/bird.ts";
import { frr } from "../../interop/peers/frr.ts";
import { type SessionPlan, untilEstablished } from "../../interop/peers/speaker.ts";
import {
  printAsBirdc,
  readCalicoctl,
  readiness,
  readReadinessStatus,
  readReply,
  readReportedPeer,
  readReportedStatus,
} from "../control/bird-readers.ts";
import { askSocket, birdc } from "./bird-clients.ts";
import { CONCURRENCY, QUICK, staged } from "./operator.ts";

const PLAN = {
  nodes: ["dut", "bird", "frr"],
  links: {
    net0: {
      dut: ["10.0.0.1/24", "fdbb:1::1/64"],
      bird: ["10.0.0.2/24", "fdbb:1::2/64"],
      frr: ["10.0.0.3/24", "fdbb:1::3/64"],
    },
  },
};

const nameOf = (address: string) => `Node_${address.replaceAll(/[.:]/g, "_")}`;
const PEERS = ["10.0.0.2", "fdbb:1::2", "10.0.0.3", "fdbb:1::3"];

function config(...more: object[]): object {
  const peer = (address: string) => ({
    name: nameOf(address),
    address,
    asn: address.endsWith("2") ? 64512 : 65003,
    ...{ import: "accept", export: "accept", timers: QUICK, gracefulRestart: { mode: "aware" } },
    description: `the one at ${address}`,
  });
  return {
    router: { id: "10.0.0.1", asn: 64512 },
    static: [
      { prefix: "10.1.0.0/24", blackhole: true },
      ...["fdaa:1::/64"].map((prefix) => ({ prefix, blackhole: true })),
    ],
    peers: [...PEERS.map(peer), ...more],
  };
}

const sessions = (n: number): SessionPlan[] => [
  { name: "dut4", local: `10.0.0.${n}`, remote: "10.0.0.1", asn: 64512 },
  { name: "dut6", local: `fdbb:1::${n}`, remote: "fdbb:1::1", asn: 64512 },
];

const planOf = (n: number, asn: number) => ({
  routerId: `10.0.0.${n}`,
  asn,
  sessions: sessions(n),
  statics: [{ prefix: `10.${n}.0.0/24` }, { prefix: `10.${n}.1.0/24` }, { prefix: `fdaa:${n}::/64` }],
});

describe("the sockets of BIRD", { concurrency: CONCURRENCY }, () => {
  staged(
    "birdc shows status and protocols of both families, and so do Calico's readers",
    PLAN,
    async ({ lab, daemon }) => {
      const dut = await daemon("dut");
      const folder = await lab.node("dut").folder("sockets");
      const [bird, other] = [bird1(lab.node("bird")), frr(lab.node("frr"))];
      await dut.write("c.yaml", config({ name: "Mesh_10_0_0_9", address: "10.0.0.9", asn: 64512, disabled: "no key" }));
      await Promise.all([
        dut.start({ words: ["--bird-socket", folder] }),
        bird.start(planOf(2, 64512)),
        other.start(planOf(3, 65003)),
      ]);
      await Promise.all([bird, other].map((speaker) => untilEstablished(speaker, "dut4", "dut6")));
      await dut.untilEstablished(...PEERS.map(nameOf));
      const raw = (socket: string, ...commands: string[]) => askSocket(`${folder}/${socket}`, ...commands);
      await dut.until("three routes of each peer, and all sent", async () => {
        const text = await raw("bird.ctl", "show protocols all");
        return (text.match(/Routes: {9}2 imported/g)?.length ?? 0) === 2 && !/ feed /.test(text);
      });

      // Status, by the client that Calico's liveness probe runs.
      const status = await birdc(dut.node, folder, "bird.ctl", "show", "status");
      assert.equal(status.code, 0);
      assert.match(status.stdout, /^BIRD v\d\S* ready\.\nBIRD v\d.*\nRouter ID is 10\.0\.0\.1\n/);
      assert.match(status.stdout, /\nDaemon is up and running\n$/);
      assert.match((await birdc(dut.node, folder, "bird6.ctl", "show", "status")).stdout, /Router ID is 10\.0\.0\.1\n/);
      const reported = readReportedStatus(await raw("bird.ctl", "show status"));
      assert.deepEqual([reported.isReady, reported.routerId], [true, "10.0.0.1"]);
      assert.match(reported.lastBoot, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);

      // Protocols: each socket has its own family.
      const shown = (await birdc(dut.node, folder, "bird.ctl", "show", "protocols")).stdout.trimEnd().split("\n");
      assert.deepEqual(
        shown.slice(2).map((line) => line.split(/\s+/).slice(0, 4).join(" ")),
        [
          "static1 Static master up",
          "kernel1 Kernel master up",
          "device1 Device master up",
          "direct1 Direct master up",
          "Node_10_0_0_2 BGP master up",
          "Node_10_0_0_3 BGP master up",
          "Mesh_10_0_0_9 BGP master down",
        ],
      );
      const [four, six] = await Promise.all([raw("bird.ctl", "show protocols"), raw("bird6.ctl", "show protocols")]);
      assert.deepEqual(
        readCalicoctl(four, ".").map(({ address, state, bgpState }) => `${address} ${state} ${bgpState}`),
        ["10.0.0.2 up Established", "10.0.0.3 up Established", "10.0.0.9 down Down"],
      );
      assert.deepEqual(
        readCalicoctl(six, ":").map(({ address, bgpState }) => `${address} ${bgpState}`),
        ["fdbb:1::2 Established", "fdbb:1::3 Established"],
      );
      const now = await raw("bird.ctl", "show status");
      assert.equal(readiness(now, four, false), undefined);
      assert.equal(readiness(now, four, true), "BIRD is not ready: BGP not established with 10.0.0.9");
      assert.deepEqual(readReadinessStatus(now), { recovering: false });

      // Details, beside what BIRD itself says at the other end of the session.
      const ours = (await birdc(dut.node, folder, "bird.ctl", "show", "protocols", "all", "Node_10_0_0_2")).stdout;
      const theirs = (
        await birdc(
          lab.node("bird"),
          await lab.node("bird").folder("bird1"),
          "bird.ctl",
          "show",
          "protocols",
          "all",
          "dut4",
        )
      ).stdout;
      assert.deepEqual(labels(ours), labels(theirs), `${ours}\n${theirs}`);
      assert.match(ours, /^ {2}Routes: {9}2 imported, 4 exported, 2 preferred$/m);
      assert.match(ours, /^ {4}Import updates: {14}2 {10}0 {10}0 {10}0 {10}2$/m);
      assert.match(ours, /^ {4}Neighbor address: 10\.0\.0\.2$/m);
      assert.match(ours, /^ {4}Neighbor caps: {4}refresh enhanced-refresh restart-aware llgr-aware AS4$/m);
      assert.match(ours, /^ {4}Session: {10}internal multihop AS4$/m);
      assert.match(ours, /^ {4}Source address: {3}10\.0\.0\.1$/m);
      assert.match(ours, /^ {4}Hold timer: {7}\d\/9$/m);
      for (const address of PEERS) {
        const socket = address.includes(":") ? "bird6.ctl" : "bird.ctl";
        const reply = await raw(socket, `show protocols all ${nameOf(address)}`);
        assert.deepEqual(readReportedPeer(reply), { bgpState: "Established", address });
      }

      // Patterns and mistakes.
      const matched = await birdc(dut.node, folder, "bird6.ctl", "show", "protocols", '"*_1__3"');
      assert.match(matched.stdout, /^Node_fdbb_1__3 +BGP/m);
      assert.doesNotMatch(matched.stdout, /Node_fdbb_1__2/);
      assert.match(
        (await birdc(dut.node, folder, "bird.ctl", "show", "protocols", "nix")).stdout,
        /^nix is not a protocol$/m,
      );
      assert.match((await birdc(dut.node, folder, "bird.ctl", "show", "memory")).stdout, /^syntax error/m);
      const welcome = (await raw("bird.ctl")).length;
      assert.equal(printAsBirdc((await raw("bird.ctl", "show protocols")).slice(welcome)), shown.slice(1).join("\n"));
      for (const command of ["show status", "show protocols all", "show nothing"])
        readReply((await raw("bird.ctl", command)).slice(welcome));

      // One of them goes away.
      await other.kill();
      const lost = await dut.until("the session to be shown as lost", async () => {
        const peers = readCalicoctl(await raw("bird.ctl", "show protocols"), ".");
        const found = peers.find(({ address }) => address === "10.0.0.3")!;
        return found.bgpState !== "Established" && found.info !== "" && found;
      });
      assert.equal(lost.state, "start");
      assert.match(lost.info, /^(Socket|Error|Received|BGP Error): [A-Z]/);
      assert.equal(
        readiness(await raw("bird.ctl", "show status"), await raw("bird.ctl", "show protocols"), false),
        undefined,
      );
      await bird.stop();
      await dut.until("not ready without any session", async () =>
        readiness(await raw("bird.ctl", "show status"), await raw("bird.ctl", "show protocols"), false)?.startsWith(
          "BIRD is not ready",
        ),
      );
    },
  );
});

/** What stands before the colons, in order, without what only some sessions have. */
function labels(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) => /^ {2,}([A-Z][A-Za-z ]+):/.exec(line)?.[1] ?? [])
    .filter((label) => label !== "Description");
}
