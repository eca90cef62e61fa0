/** One HTTP/2 connection to one server. Its calls reject with EtcdFault; closing it ends them all. */
import {
  type Call,
  ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { type Endpoint, identityCheckFor, serverNameFor } from "./credentials.ts";
import { type Asking, EtcdFault, faultOf } from "./fault.ts";
import {
  CODECS,
  type Codec,
  type RangeRequest,
  type RangeResponse,
  type WatchRequest,
  type WatchResponse,
} from "./messages.ts";
import type { EtcdTuning } from "./tuning.ts";

export interface EtcdConnection {
  /** A token for the calls after it. Undefined where the server asks for none. */
  authenticate(name: string, password: string): Promise<string | undefined>;
  range(request: RangeRequest, what: string): Promise<RangeResponse>;
  /** `onEnd` is called once, unless the stream is closed first. Throws EtcdFault on a closed connection. */
  watch(onMessage: (message: WatchResponse) => void, onEnd: (fault: EtcdFault) => void): WatchStream;
  /** Sent with every call from now on. */
  useToken(token: string | undefined): void;
  close(): void;
}

export interface WatchStream {
  send(request: WatchRequest): void;
  close(): void;
}

const CLOSED = "the connection was closed";

export function connectEtcd(endpoint: Endpoint, user: string | undefined, tuning: EtcdTuning): EtcdConnection {
  const client = new Client(targetOf(endpoint), credentialsOf(endpoint), {
    "grpc.keepalive_time_ms": tuning.keepaliveMs,
    "grpc.keepalive_timeout_ms": tuning.keepaliveTimeoutMs,
    "grpc.max_receive_message_length": tuning.answerOctets,
    // A connection of our own that ends with us, to that server, without anything that only DNS or the environment says.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    ...(endpoint.tls === undefined ? {} : { "grpc.ssl_target_name_override": serverNameFor(endpoint.host) }),
  });
  const calls = new Set<Call>();
  let token: string | undefined;
  let isClosed = false;

  function metadata(): Metadata {
    const sent = new Metadata();
    // A member that is cut off from the others then says so instead of falling silent.
    sent.set("hasleader", "true");
    if (token !== undefined) sent.set("token", token);
    return sent;
  }

  function ask<Q, A>(path: string, request: Codec<Q>, answer: Codec<A>, message: Q, what: string): Promise<A> {
    return new Promise((resolve, reject) => {
      if (isClosed) {
        reject(new EtcdFault("other", CLOSED));
        return;
      }
      const done = (error: ServiceError | null, value?: A) => {
        calls.delete(call);
        if (error) reject(isClosed ? new EtcdFault("other", CLOSED) : fault(error, what));
        else resolve(value!);
      };
      const deadline = Date.now() + tuning.requestMs;
      const { encode } = request;
      const { decode } = answer;
      const call = client.makeUnaryRequest(path, encode, decode, message, metadata(), { deadline }, done);
      calls.add(call);
    });
  }

  function fault(error: ServiceError, what: string): EtcdFault {
    const asking: Asking = { user, what, deadlineMs: tuning.requestMs };
    return faultOf(error.code, error.details, asking);
  }

  return {
    async authenticate(name, password) {
      const { authenticateRequest, authenticateResponse } = CODECS;
      const path = "/etcdserverpb.Auth/Authenticate";
      try {
        return (await ask(path, authenticateRequest, authenticateResponse, { name, password }, "log in")).token;
      } catch (error) {
        // Users may be configured before authentication is switched on.
        if (/authentication is not enabled/.test((error as Error).message)) return undefined;
        throw error;
      }
    },
    range: (request, what) =>
      ask("/etcdserverpb.KV/Range", CODECS.rangeRequest, CODECS.rangeResponse, request, `read ${what}`),
    watch(onMessage, onEnd) {
      if (isClosed) throw new EtcdFault("other", CLOSED);
      const stream: ClientDuplexStream<WatchRequest, WatchResponse> = client.makeBidiStreamRequest(
        "/etcdserverpb.Watch/Watch",
        CODECS.watchRequest.encode,
        CODECS.watchResponse.decode,
        metadata(),
      );
      calls.add(stream);
      let isOpen = true;
      const end = (fault: EtcdFault) => {
        calls.delete(stream);
        if (!isOpen) return;
        isOpen = false;
        onEnd(fault);
      };
      stream.on("data", (message) => {
        if (isOpen) onMessage(message);
      });
      stream.on("error", (error: ServiceError) => end(fault(error, "watch")));
      stream.on("end", () => end(new EtcdFault("unreachable", "the server ended the watch")));
      return {
        send: (request) => void stream.write(request),
        close() {
          isOpen = false;
          stream.cancel();
        },
      };
    },
    useToken(next) {
      token = next;
    },
    close() {
      isClosed = true;
      for (const call of calls) call.cancel();
      client.close();
    },
  };
}

function targetOf({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function credentialsOf({ host, tls }: Endpoint): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return ChannelCredentials.createFromSecureContext(tls.context, { checkServerIdentity: identityCheckFor(host) });
}
