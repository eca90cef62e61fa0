// Brings dependencies and the build of this checkout up to date.
import { prepare } from "./prepare.js";

prepare();
