import { type Bindings, type Plan, type ProgramRunOptions, SpaAttnError } from "@spaattn/core";
import type { WeightStore } from "./weight-store.js";

/** Which weights of a plan stay on the device while it runs. */
export interface Residency {
  /** `all`: once and for good; `ring`: segment by segment, the next one while one computes. */
  readonly kind: "all" | "ring";
  /** Most bytes of weights at a time. */
  readonly bytes: number;
  bind(signal?: AbortSignal): Promise<Bindings>;
  readonly weightsOf?: ProgramRunOptions["weightsOf"];
}

/**
 * All weights where they fit, else a ring of segments.
 *
 * @param limit bytes there are for weights
 * @throws SpaAttnError OutOfMemory where not even two neighbouring segments fit
 */
export function residency(plan: Plan, store: WeightStore, limit = Number.POSITIVE_INFINITY): Residency {
  const names = Object.entries(plan.values)
    .filter(([, { role, view }]) => role === "weight" && !view)
    .map(([name]) => name);
  const bytes = store.bytesOf(names);
  if (bytes <= limit) return { kind: "all", bytes, bind: (signal) => store.bindings(names, signal) };
  return ring(plan, store, names, limit);
}

function ring(plan: Plan, store: WeightStore, names: readonly string[], limit: number): Residency {
  const segments = plan.segments.map(({ weights }) => weights);
  const inSegments = new Set(segments.flat());
  const always = names.filter((name) => !inSegments.has(name));
  const fixed = store.bytesOf(always);
  const pair = segments.reduce(
    (most, weights, i) => Math.max(most, store.bytesOf(new Set([...weights, ...(segments[i + 1] ?? [])]))),
    0,
  );
  if (fixed + pair > limit)
    throw new SpaAttnError(
      "OutOfMemory",
      `${megabytes(limit)} do not hold two neighbouring blocks of ${store.weights.name}.`,
      {
        remedy: `Allow ${megabytes(fixed + pair)} for its weights, or use a smaller or quantised model.`,
      },
    );
  // The order in which segments were asked for, the oldest first.
  const loaded: (readonly string[])[] = [];
  const makeRoom = (wanted: readonly string[]) => {
    const held = () => fixed + store.bytesOf(new Set([...loaded.flat(), ...wanted]));
    // The newest one is still computing.
    while (loaded.length > 1 && held() > limit) {
      const oldest = loaded.shift() as readonly string[];
      const kept = new Set([...loaded.flat(), ...wanted]);
      store.forget(oldest.filter((name) => !kept.has(name)));
    }
  };
  return {
    kind: "ring",
    bytes: Math.min(limit, fixed + pair),
    bind: (signal) => store.bindings(always, signal),
    async weightsOf(segment, wanted) {
      const at = plan.segments.findIndex(({ name }) => name === segment);
      makeRoom(wanted);
      const bindings = await store.bindings(wanted);
      loaded.push(wanted);
      const next = segments[at + 1];
      if (next && fixed + store.bytesOf(new Set([...loaded.slice(-1).flat(), ...next])) <= limit) {
        makeRoom([...wanted, ...next]);
        // What fails here fails again, and is reported, when the segment begins.
        void store.bindings(next).catch(() => {});
      }
      return bindings;
    },
  };
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
