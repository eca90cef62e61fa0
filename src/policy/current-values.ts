import type { Edits } from "./edits.ts";
import { NO_METRIC, type Operand, type RouteFacts } from "./types.ts";

/** The value as rules that follow see it; undefined where the route has none. */
export function operandValue(operand: Operand, route: RouteFacts, pending: Edits | undefined): number | undefined {
  switch (operand) {
    case "metric": {
      const metric = pending?.metric ?? route.metric;
      return metric === NO_METRIC ? undefined : metric;
    }
    case "localPref":
      return pending?.localPref ?? route.localPref;
    case "preference":
      return pending?.preference ?? route.preference;
    case "med": {
      const changed = pending?.med;
      if (changed !== undefined) return changed ?? undefined;
      return route.attributes.med;
    }
  }
}
