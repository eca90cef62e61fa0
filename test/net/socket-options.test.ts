import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setMd5Key } from "../../src/io/net/md5-key.ts";
import { AF_INET, AF_INET6, closeSocket, getIntOption, openSocket } from "../../src/io/net/native.ts";
import { parseRefused } from "../../src/io/net/socket-facts.ts";
import { setCommonOptions, setHops, socketAddress } from "../../src/io/net/socket-options.ts";
import { parseAddress } from "../../src/ip/address.ts";

const address = (text: string) => parseAddress(text)!;

function withSocket(domain: number, run: (fd: number) => void): void {
  const fd = openSocket(domain);
  if (fd < 0) return; // a kernel without IPv6
  try {
    run(fd);
  } finally {
    closeSocket(fd);
  }
}

describe("socket options", () => {
  it("sets TTL and least TTL on IPv4, hop limits on IPv6", () => {
    withSocket(AF_INET, (fd) => {
      assert.equal(setHops(fd, "ipv4", 255, 254), 0);
      assert.equal(getIntOption(fd, 0, 2), 255);
      assert.equal(getIntOption(fd, 0, 21), 254);
    });
    withSocket(AF_INET6, (fd) => {
      assert.equal(setHops(fd, "ipv6", 255, 254), 0);
      assert.equal(getIntOption(fd, 41, 16), 255);
      assert.equal(getIntOption(fd, 41, 73), 254);
    });
  });

  it("leaves what is undefined as it is", () => {
    withSocket(AF_INET, (fd) => {
      const before = getIntOption(fd, 0, 2);
      assert.equal(setHops(fd, "ipv4", undefined, undefined), 0);
      assert.equal(getIntOption(fd, 0, 2), before);
    });
  });

  it("marks segments CS6 and bounds the send buffer", () => {
    withSocket(AF_INET, (fd) => {
      assert.equal(setCommonOptions(fd, address("10.0.0.1"), 65_536), 0);
      assert.equal(getIntOption(fd, 0, 1), 0xc0);
      assert.equal(getIntOption(fd, 6, 1), 1);
      assert.equal(getIntOption(fd, 1, 7), 131_072); // the kernel doubles it for its bookkeeping
    });
    withSocket(AF_INET6, (fd) => {
      assert.equal(setCommonOptions(fd, address("::1"), 65_536), 0);
      assert.equal(getIntOption(fd, 41, 67), 0xc0);
    });
  });

  it("rejects keys and prefixes of impossible length with EINVAL, and knows that a missing key cannot be removed", () => {
    withSocket(AF_INET, (fd) => {
      const remote = address("10.0.0.1");
      assert.equal(setMd5Key(fd, { remote }, "x".repeat(81)), -22);
      assert.equal(setMd5Key(fd, { remote, prefixLength: 33 }, "x"), -22);
      assert.equal(setMd5Key(fd, { remote, prefixLength: -1 }, "x"), -22);
      assert.equal(setMd5Key(fd, { remote }, ""), -2);
    });
  });

  it("lays out a socket address in network order", () => {
    assert.deepEqual([...socketAddress(address("10.1.2.3"), 179)!.slice(2, 8)], [0, 179, 10, 1, 2, 3]);
    const v6 = socketAddress(address("2001:db8::1"), 179)!;
    assert.equal(v6.length, 28);
    assert.deepEqual([...v6.slice(8, 12)], [0x20, 0x01, 0x0d, 0xb8]);
    assert.equal(socketAddress(address("fe80::1%no-such-if"), 179), undefined);
    assert.ok(socketAddress(address("fe80::1%lo"), 179)![24]! > 0);
  });
});

describe("parseRefused", () => {
  it("finds the counters by their names", () => {
    const text =
      "TcpExt: A TCPMD5NotFound B TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop\nTcpExt: 9 1 8 2 3 4\nIpExt: A\nIpExt: 1\n";
    assert.deepEqual(parseRefused(text), { unsigned: 1, unexpected: 2, mismatched: 3, fromAfar: 4 });
  });
  it("gives undefined for a file without them", () => {
    assert.equal(parseRefused(""), undefined);
  });
});
