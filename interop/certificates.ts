/**
 * X.509 certificates for tests: an authority and what it issues, valid when the test wants. Written by hand (RFC 5280, DER),
 * because Node reads certificates but makes none, and tools that do make none that has expired.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  /** PEM. */
  readonly certificate: string;
  issue(request: CertificateRequest): Issued;
}

export interface CertificateRequest {
  /** Empty: none. */
  readonly commonName: string;
  /** DNS names and IPv4 addresses that a server's certificate is for. */
  readonly names?: readonly string[];
  readonly organization?: string;
  /** Default: from an hour ago for a day. */
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

const HOUR_MS = 3600_000;

export function createAuthority(commonName: string, validTo?: Date): Authority {
  const { certificate, key } = makeCertificate({ commonName, ...(validTo ? { validTo } : {}) }, undefined);
  return {
    certificate,
    issue: (request) => makeCertificate(request, { commonName, key: createPrivateKey(key) }),
  };
}

/** Signed by itself, as an authority, where no issuer is given. */
function makeCertificate(
  request: CertificateRequest,
  issuer: { readonly commonName: string; readonly key: KeyObject } | undefined,
): Issued {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Date.now();
  const validFrom = request.validFrom ?? new Date(now - HOUR_MS);
  const validTo = request.validTo ?? new Date(now + 24 * HOUR_MS);
  const extensions = [];
  if (issuer === undefined) extensions.push(extension("551d13", true, sequence(der(0x01, Buffer.of(0xff)))));
  if (request.names !== undefined)
    extensions.push(extension("551d11", false, sequence(...request.names.map(generalName))));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer?.commonName ?? request.commonName),
    sequence(time(validFrom), time(validTo)),
    distinguishedName(request.commonName, request.organization),
    createPublicKey(privateKey).export({ type: "spki", format: "der" }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = sign("sha256", body, issuer?.key ?? privateKey);
  const certificate = sequence(body, ECDSA_WITH_SHA256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** One element: tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const length = content.length;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...octets), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(objectId("2a8648ce3d040302"));

function distinguishedName(commonName: string, organization?: string): Buffer {
  const attribute = (id: string, value: string) => der(0x31, sequence(objectId(id), der(0x0c, Buffer.from(value))));
  return sequence(
    ...(organization === undefined ? [] : [attribute("55040a", organization)]),
    ...(commonName === "" ? [] : [attribute("550403", commonName)]),
  );
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));
}

function generalName(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split(".").map(Number)));
  return der(0x82, Buffer.from(name));
}

/** UTCTime; RFC 5280 has it until 2049. */
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
