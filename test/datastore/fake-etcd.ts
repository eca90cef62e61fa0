/** An etcd that does what a real one does only by chance: a script decides each answer. It speaks gRPC on loopback. */
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  type status,
} from "@grpc/grpc-js";
import {
  CODECS,
  type Codec,
  type RangeRequest,
  type RangeResponse,
  type ResponseHeader,
  type WatchRequest,
  type WatchResponse,
} from "../../src/io/datastore/etcd/messages.ts";

export interface FakeEtcd {
  readonly url: string;
  readonly ranges: readonly { readonly request: RangeRequest; readonly token: string | undefined }[];
  readonly watches: readonly FakeWatch[];
  /** Tokens that were given out. */
  readonly tokens: readonly string[];
  close(): void;
}

/** One stream of watches. */
export interface FakeWatch {
  readonly creates: readonly WatchRequest["createRequest"][];
  readonly token: string | undefined;
  send(message: Partial<WatchResponse>): void;
  /** Ends it as a server that goes away does. */
  fail(code: status, details: string): void;
}

export interface FakeScript {
  /** Before each answer; a refusal is answered in its place. */
  onRange?(request: RangeRequest, call: number): Refusal | Partial<RangeResponse> | undefined;
  /** `index` counts the requests of the stream. Default: it is confirmed. */
  onCreate?(watch: FakeWatch, index: number): void;
}

export interface Refusal {
  readonly code: status;
  readonly details: string;
}

export const HEADER: ResponseHeader = { clusterId: 7, revision: 100, raftTerm: 2 };

export async function startFakeEtcd(script: FakeScript): Promise<FakeEtcd> {
  const ranges: { request: RangeRequest; token: string | undefined }[] = [];
  const watches: FakeWatch[] = [];
  const tokens: string[] = [];
  const server = new Server();

  server.addService(
    {
      range: method("/etcdserverpb.KV/Range", CODECS.rangeRequest, CODECS.rangeResponse, false),
      watch: method("/etcdserverpb.Watch/Watch", CODECS.watchRequest, CODECS.watchResponse, true),
      authenticate: method(
        "/etcdserverpb.Auth/Authenticate",
        CODECS.authenticateRequest,
        CODECS.authenticateResponse,
        false,
      ),
    },
    {
      range(call: ServerUnaryCall<RangeRequest, RangeResponse>, answer: sendUnaryData<RangeResponse>) {
        ranges.push({ request: call.request, token: tokenOf(call.metadata) });
        const scripted = script.onRange?.(call.request, ranges.length - 1);
        if (scripted !== undefined && "code" in scripted) answer(scripted);
        else answer(null, { header: HEADER, kvs: [], more: false, ...scripted });
      },
      watch(call: ServerDuplexStream<WatchRequest, WatchResponse>) {
        const creates: WatchRequest["createRequest"][] = [];
        const watch: FakeWatch = {
          creates,
          token: tokenOf(call.metadata),
          send: (message) => void call.write({ ...EMPTY, ...message }),
          fail: (code, details) => void call.emit("error", { code, details }),
        };
        watches.push(watch);
        call.on("error", () => {});
        call.on("data", ({ createRequest }: WatchRequest) => {
          creates.push(createRequest);
          if (script.onCreate) script.onCreate(watch, creates.length - 1);
          else confirm(watch, creates.length - 1);
        });
        call.on("end", () => call.end());
      },
      authenticate(_call: unknown, answer: sendUnaryData<{ token: string }>) {
        tokens.push(`token-${tokens.length}`);
        answer(null, { token: tokens.at(-1)! });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { url: `http://127.0.0.1:${port}`, ranges, watches, tokens, close: () => server.forceShutdown() };
}

export function confirm(watch: FakeWatch, watchId: number, header: ResponseHeader = HEADER): void {
  watch.send({ created: true, watchId, header });
}

const EMPTY: WatchResponse = {
  header: HEADER,
  watchId: 0,
  created: false,
  canceled: false,
  compactRevision: 0,
  cancelReason: "",
  fragment: false,
  events: [],
};

function method<Q, A>(path: string, request: Codec<Q>, answer: Codec<A>, isStream: boolean) {
  return {
    path,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: answer.encode,
    responseDeserialize: answer.decode,
  };
}

function tokenOf(metadata: Metadata): string | undefined {
  return metadata.get("token")[0]?.toString();
}
