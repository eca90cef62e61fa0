/**
 * The messages of etcd's gRPC interface that we speak (api v3: KV.Range, Watch.Watch, Auth.Authenticate), with only the
 * fields that we use; what else a server sends is skipped. Revisions are int64 on the wire and safe integers here.
 */
import protobuf from "protobufjs/light.js";

const DESCRIPTOR = {
  nested: {
    ResponseHeader: {
      fields: {
        clusterId: { type: "uint64", id: 1 },
        revision: { type: "int64", id: 3 },
        raftTerm: { type: "uint64", id: 4 },
      },
    },
    KeyValue: {
      fields: {
        key: { type: "bytes", id: 1 },
        modRevision: { type: "int64", id: 3 },
        value: { type: "bytes", id: 5 },
      },
    },
    RangeRequest: {
      fields: {
        key: { type: "bytes", id: 1 },
        rangeEnd: { type: "bytes", id: 2 },
        limit: { type: "int64", id: 3 },
        revision: { type: "int64", id: 4 },
        serializable: { type: "bool", id: 7 },
      },
    },
    RangeResponse: {
      fields: {
        header: { type: "ResponseHeader", id: 1 },
        kvs: { rule: "repeated", type: "KeyValue", id: 2 },
        more: { type: "bool", id: 3 },
      },
    },
    WatchCreateRequest: {
      fields: {
        key: { type: "bytes", id: 1 },
        rangeEnd: { type: "bytes", id: 2 },
        startRevision: { type: "int64", id: 3 },
        progressNotify: { type: "bool", id: 4 },
        fragment: { type: "bool", id: 8 },
      },
    },
    WatchRequest: {
      oneofs: { request: { oneof: ["createRequest"] } },
      fields: { createRequest: { type: "WatchCreateRequest", id: 1 } },
    },
    Event: {
      fields: {
        type: { type: "int32", id: 1 },
        kv: { type: "KeyValue", id: 2 },
      },
    },
    WatchResponse: {
      fields: {
        header: { type: "ResponseHeader", id: 1 },
        watchId: { type: "int64", id: 2 },
        created: { type: "bool", id: 3 },
        canceled: { type: "bool", id: 4 },
        compactRevision: { type: "int64", id: 5 },
        cancelReason: { type: "string", id: 6 },
        fragment: { type: "bool", id: 7 },
        events: { rule: "repeated", type: "Event", id: 11 },
      },
    },
    AuthenticateRequest: {
      fields: {
        name: { type: "string", id: 1 },
        password: { type: "string", id: 2 },
      },
    },
    AuthenticateResponse: {
      fields: {
        header: { type: "ResponseHeader", id: 1 },
        token: { type: "string", id: 2 },
      },
    },
  },
};

export interface ResponseHeader {
  /** uint64, rounded: good for telling one cluster from another. */
  readonly clusterId: number;
  readonly revision: number;
  readonly raftTerm: number;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly modRevision: number;
  readonly value: Buffer;
}

export interface RangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly limit: number;
  /** 0: the present one. */
  readonly revision: number;
  readonly serializable: boolean;
}

export interface RangeResponse {
  readonly header: ResponseHeader | null;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

export interface WatchRequest {
  readonly createRequest: {
    readonly key: Uint8Array;
    readonly rangeEnd: Uint8Array;
    readonly startRevision: number;
    readonly progressNotify: boolean;
    readonly fragment: boolean;
  };
}

/** Event.type: 0 is a put. */
export const DELETE_EVENT = 1;

export interface WatchResponse {
  readonly header: ResponseHeader | null;
  readonly watchId: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same response follows. */
  readonly fragment: boolean;
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[];
}

export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

export interface AuthenticateResponse {
  readonly token: string;
}

const root = protobuf.Root.fromJSON(DESCRIPTOR);

export interface Codec<T> {
  encode(message: T): Buffer;
  decode(bytes: Buffer): T;
}

function codec<T extends object>(name: keyof typeof DESCRIPTOR.nested): Codec<T> {
  const type = root.lookupType(name);
  return {
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    // Absent fields read as their defaults, an absent message as null.
    decode: (bytes) => type.toObject(type.decode(bytes), { defaults: true, longs: Number }) as T,
  };
}

export const CODECS = {
  rangeRequest: codec<RangeRequest>("RangeRequest"),
  rangeResponse: codec<RangeResponse>("RangeResponse"),
  watchRequest: codec<WatchRequest>("WatchRequest"),
  watchResponse: codec<WatchResponse>("WatchResponse"),
  authenticateRequest: codec<AuthenticateRequest>("AuthenticateRequest"),
  authenticateResponse: codec<AuthenticateResponse>("AuthenticateResponse"),
} as const;
