import { findAttribute, text } from "./link-codec.ts";
import { i32, u16 } from "./little-endian.ts";
import { align4, NLM_F, NLMSG_HEADER } from "./rtnetlink.ts";

/** NLMSGERR_ATTR_MSG */
const ATTR_MSG = 1;

/** The positive errno of NLMSG_ERROR (s32 -errno behind the header); 0 is an acknowledgement. */
export function ackErrno(bytes: Uint8Array, at: number, octets: number): number {
  return octets < NLMSG_HEADER + 4 ? 0 : -i32(bytes, at + NLMSG_HEADER);
}

/**
 * The text of an extended acknowledgement, "" when there is none. The error is followed by the header of the request,
 * by its payload unless CAPPED, then by attributes when ACK_TLVS.
 */
export function ackText(bytes: Uint8Array, at: number, octets: number): string {
  const flags = u16(bytes, at + 6);
  if ((flags & NLM_F.ackTlvs) === 0 || octets < NLMSG_HEADER + 4 + NLMSG_HEADER) return "";
  const request = at + NLMSG_HEADER + 4;
  const skip = (flags & NLM_F.capped) !== 0 ? NLMSG_HEADER : align4(i32(bytes, request));
  const found = skip < NLMSG_HEADER ? -1 : findAttribute(bytes, request + skip, at + octets, ATTR_MSG);
  return found < 0 ? "" : text(bytes, found + 4, found + u16(bytes, found));
}
