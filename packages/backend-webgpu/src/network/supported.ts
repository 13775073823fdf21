import type { DType, Plan, PlanOperation } from "@spaattn/core";

/** Operations that have a lowering here, with the types of tensors that are not floats (f32, f16, bf16) they take, by role. */
const EXTRA: Readonly<Record<string, Readonly<Record<string, readonly DType[]>>>> = {
  linear: {
    weight: ["f8e4m3", "f8e5m2", "i8", "u8"],
    weight2: ["f8e4m3", "f8e5m2", "i8", "u8"],
    scale: [],
    index: ["i32"],
  },
  norm: { index: ["i32"] },
  heads: { order: ["i32"] },
  merge: { order: ["i32"] },
  denseAttention: { keyMask: ["u8"] },
  embed: { ids: ["i32"], table: ["f8e4m3", "f8e5m2", "i8"] },
  timestep: {},
  binary: { "*": ["i32", "u8", "i8"] },
  unary: { x: ["i32", "u8", "i8", "f8e4m3", "f8e5m2"], y: ["i32", "u8", "i8"] },
  combine: {},
  reduce: { a: ["i32", "u8", "i8"], b: ["i32", "u8", "i8"] },
  conv: { weight: ["f8e4m3", "f8e5m2", "i8"] },
  transpose: {},
  concat: {},
  slice: {},
  pad: {},
  repeat: {},
};

export type NetworkOperation =
  | "linear"
  | "norm"
  | "heads"
  | "merge"
  | "denseAttention"
  | "embed"
  | "timestep"
  | "binary"
  | "unary"
  | "combine"
  | "reduce"
  | "conv"
  | "transpose"
  | "concat"
  | "slice"
  | "pad"
  | "repeat";

/** Operations that move bits, whatever they mean. */
const MOVES = ["transpose", "concat", "slice", "pad", "repeat"];
const FLOATS: readonly DType[] = ["f32", "f16", "bf16"];

/** Why an operation of a network cannot run; undefined when it can. Attention is asked elsewhere. */
export function unsupportedOperation(plan: Plan, operation: PlanOperation): string | undefined {
  const { op } = operation;
  const extra = EXTRA[op];
  if (!extra) return `there is no operation "${op}"`;
  if (MOVES.includes(op)) return undefined;
  for (const [role, name] of Object.entries({ ...operation.in, ...operation.out })) {
    const { dtype, shape } = plan.values[name];
    if (!FLOATS.includes(dtype) && !(extra[role] ?? extra["*"])?.includes(dtype)) return `${role} is ${dtype}`;
    if (shape.includes(0) && !(op === "conv" && role === "history")) return `${role} is empty`;
  }
  return undefined;
}
