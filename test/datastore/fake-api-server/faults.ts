/** What a server in trouble does in place of an answer. */
import type { ServerResponse } from "node:http";
import { type StatusOptions, sendStatus } from "./status.ts";

export type Fault =
  | ({ readonly kind: "status" } & StatusOptions)
  /** No octet ever. */
  | { readonly kind: "silence" }
  /** The answer of a list is cut after so many octets. */
  | { readonly kind: "cut"; readonly octets: number }
  /** The answer of a list comes in pieces of so many octets, one each time the fake is asked to go on. */
  | { readonly kind: "pieces"; readonly octets: number }
  /** A page of something that is no API server. */
  | { readonly kind: "page"; readonly text: string };

/** `held` takes what is to be sent later. */
export function applyFault(fault: Fault, response: ServerResponse, held: (() => void)[]): void {
  switch (fault.kind) {
    case "status":
      sendStatus(response, fault);
      return;
    case "silence":
      return;
    case "page":
      response.writeHead(200, { "content-type": "text/html" }).end(fault.text);
      return;
    case "cut": {
      const end = response.end.bind(response);
      response.end = ((text: string) => {
        if (typeof text !== "string") return end(text);
        response.write(text.slice(0, fault.octets), () => response.socket?.resetAndDestroy());
        return response;
      }) as typeof response.end;
      return;
    }
    case "pieces": {
      const end = response.end.bind(response);
      response.end = ((text: string) => {
        if (typeof text !== "string") return end(text);
        const send = (at: number): void => {
          if (at >= text.length) {
            end();
            return;
          }
          response.write(text.slice(at, at + fault.octets));
          held.push(() => send(at + fault.octets));
        };
        send(0);
        return response;
      }) as typeof response.end;
    }
  }
}
