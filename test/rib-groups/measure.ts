/**
 * Figures for update groups: `node dist/test/rib-groups/measure.js`. The encoder and rows are as cheap as the real ones:
 * 45 octets of attributes copied from an arena, prefixes from an Int32Array.
 */
import { createUpdateGroup } from "../../src/rib/update-group.ts";
import type { GroupEncoder, Member, RowWriter, UpdateGroup } from "../../src/rib/update-group-types.ts";

const ROWS = 1_000_000;
const SETS = 200_000;
const STEP = { rows: 20_000, octets: 1 << 20 };

function createEncoder(sets: number): GroupEncoder {
  const octets = 45;
  const arena = new Uint8Array((sets + 1) * octets);
  for (let set = 1; set <= sets; set++) new DataView(arena.buffer).setUint32(set * octets, set);
  const references = new Int32Array(sets + 1);
  return {
    writeAttributes(set, _source, out, at) {
      const from = set * octets;
      for (let i = 0; i < octets; i++) out[at + i] = arena[from + i]!;
      return at + octets;
    },
    writeNextHop: (_set, _source, out, at) => {
      out.fill(1, at, at + 16);
      return 16;
    },
    announcedNextHop: () => 5,
    retain: (set) => void references[set]!++,
    release: (set) => void references[set]!--,
  };
}

function createRows(rows: number): RowWriter {
  const cells = new Int32Array(rows * 2);
  for (let row = 0; row < rows; row++) cells[2 * row] = (row + (10 << 16)) << 8;
  const holds = new Int32Array(rows);
  return {
    writeNlri(row, out, at) {
      const address = cells[2 * row]!;
      out[at] = 24;
      out[at + 1] = address >>> 24;
      out[at + 2] = (address >>> 16) & 0xff;
      out[at + 3] = (address >>> 8) & 0xff;
      return at + 4;
    },
    hold: (row) => void holds[row]!++,
    unhold: (row) => void holds[row]!--,
  };
}

interface Counting extends Member {
  octets: number;
  writes: number;
}

function createMember(peer: number): Counting {
  return {
    peer,
    ownNextHop: 0,
    octets: 0,
    writes: 0,
    write(bytes) {
      this.octets += bytes.length;
      this.writes++;
      return true;
    },
    endOfRib() {},
  };
}

function report(what: string, rows: number, run: () => void): void {
  const started = performance.now();
  const used = process.cpuUsage();
  run();
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(used);
  const cpu = `${(((user + system) * 1e3) / rows).toFixed(0)} ns CPU`;
  console.log(
    `${what.padEnd(56)} ${((ms * 1e6) / rows).toFixed(0).padStart(6)} ns/row  ${ms.toFixed(0).padStart(6)} ms  ${cpu}`,
  );
}

function drain(group: UpdateGroup): void {
  while (group.flush(STEP));
}

function fullTable(members: number, round: number): void {
  console.log(`\n${ROWS} rows, ${SETS} sets of 5 rows, ${members} member(s), round ${round}`);
  const group = createUpdateGroup({
    family: "ipv4",
    encoder: createEncoder(2 * SETS),
    rows: createRows(ROWS),
    maxMessageOctets: 4096,
    expectedRows: ROWS,
    nowMs: () => performance.now(),
  });
  const all = Array.from({ length: members }, (_, i) => createMember(100 + i));
  const announce = (from: number) => {
    for (let row = 0; row < ROWS; row++) group.consider(row, from + Math.floor(row / 5), 8);
  };
  for (const member of all) group.join(member);
  drain(group);
  report("consider, new", ROWS, () => announce(1));
  report("flush", ROWS, () => drain(group));
  report("consider, the same", ROWS, () => announce(1));
  report("consider, other set", ROWS, () => announce(1 + SETS));
  report("flush", ROWS, () => drain(group));
  report("consider and flush in turn, other set", ROWS, () => {
    for (let row = 0; row < ROWS; row++) {
      group.consider(row, 1 + Math.floor(row / 5), 8);
      if (row % 5000 === 4999) drain(group);
    }
  });
  const late = createMember(99);
  group.join(late);
  report("dump to a member that joins", ROWS, () => drain(group));
  report("consider, withdrawn", ROWS, () => {
    for (let row = 0; row < ROWS; row++) group.consider(row, 0, 8);
  });
  report("flush of withdrawals", ROWS, () => drain(group));
  console.log(JSON.stringify(group.counters));
}

/** Every member is the source of ten rows: what a reflector of a cluster does. */
function reflector(members: number): void {
  const rows = 10_000;
  const group = createUpdateGroup({
    family: "ipv4",
    encoder: createEncoder(rows),
    rows: createRows(rows),
    maxMessageOctets: 4096,
    nowMs: () => performance.now(),
  });
  console.log(`\nreflector: ${members} members, ${rows} rows`);
  const all = Array.from({ length: members }, (_, i) => createMember(8 + i));
  for (const member of all) group.join(member);
  for (let row = 0; row < rows; row++) group.consider(row, 1 + (row % 1000), 8 + (row % 1000));
  let steps = 0;
  report("flush", rows * members, () => {
    while (group.flush(STEP)) steps++;
  });
  const { messagesEncoded, octetsEncoded, longestStepMs } = group.counters;
  console.log(
    `${steps} steps; encoded ${messagesEncoded} messages, ${octetsEncoded} octets; longest step ${longestStepMs.toFixed(2)} ms`,
  );
  let writes = 0;
  for (const member of all) writes += member.writes;
  console.log(`${writes} writes, ${group.counters.messagesSent} messages sent, ${group.counters.octetsSent} octets`);
}

for (const round of [1, 2]) for (const members of [1, 2]) fullTable(members, round);
for (const members of [10, 1000, 1000]) reflector(members);
