import { notification, open, refresh, stream, update } from "./messages.ts";
import { netlink } from "./netlink.ts";
import type { FuzzTarget } from "./target.ts";
import { config, control } from "./texts.ts";

/** Beside these, two fifths of all cases go to live sessions: test/daemon/fuzz-*.test.ts. */
export const TARGETS: readonly FuzzTarget[] = [update, open, notification, refresh, stream, netlink, control, config];
