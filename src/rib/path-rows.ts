/** The words of a path's row: 28 octets. Row 0 is not used. */
export const PATH_STRIDE = 7;
/** The next path of the prefix, or the next free row. */
export const NEXT = 0;
/** Prefix row + 1; 0 in a free row. */
export const PREFIX = 1;
export const PEER = 2;
/** Received path id; 0 without ADD-PATH. */
export const PATH_ID = 3;
/** Epoch of the session in which the path was last announced. */
export const EPOCH = 4;
/** Attribute set as received; 0 when the path is gone and its row is free, or held by an update group. */
export const SET_IN = 5;
/** Attribute set after import, or a negative REJECT code; 0 when the path is gone. */
export const SET_OUT = 6;
