import { type DType, elementCount, type Plan, type PlanOperation } from "@spaattn/core";
import { kernelOf } from "@spaattn/nn";
import { EPSILON } from "../tolerance.js";

const F32 = EPSILON.f32;

/** Operations that move elements and must not change a bit. */
const MOVES = new Set(["transpose", "concat", "slice", "pad", "repeat"]);
/** Operations of one rounding: whatever they compute, they compute in f32 and store once. */
const SIMPLE = new Set(["binary", "unary", "combine", "reduce", "embed", "timestep"]);

const spacing = (dtype: DType): number => (dtype in EPSILON ? EPSILON[dtype as keyof typeof EPSILON] : 0);

/**
 * Allowed error of every value of a plan, relative to its largest magnitude, from what its own computation needs: the
 * spacing of its dtype, and sums in f32 of the length they have, and the errors of what it is computed from.
 */
export function tolerancesOf(plan: Plan): (name: string) => number {
  const errors = new Map<string, number>();
  const baseOf = (name: string) => plan.values[name].view?.base ?? name;
  const errorOf = (name: string) => errors.get(baseOf(name)) ?? 0;
  for (const operation of plan.operations) {
    const before = Math.max(0, ...Object.values(operation.in).map(errorOf));
    for (const name of Object.values(operation.out))
      errors.set(baseOf(name), Math.max(errorOf(name), before + ownError(plan, operation, plan.values[name].dtype)));
  }
  return errorOf;
}

function ownError(plan: Plan, operation: PlanOperation, dtype: DType): number {
  const { op } = operation;
  const shape = (role: string) => plan.values[operation.in[role]].shape;
  if (MOVES.has(op) || op === "merge") return 0;
  if (op === "unary" && (operation.attrs as { kind: string }).kind === "none")
    return dtype === plan.values[operation.in.x].dtype ? 0 : 0.5 * spacing(dtype);
  const rounding = spacing(dtype) * (SIMPLE.has(op) ? 0.55 : 1);
  return rounding + F32 * (8 + 2 * Math.sqrt(lengthOf(operation, shape))) + special(plan, operation);
}

/** The longest sum an operation makes. */
function lengthOf({ op, in: inputs }: PlanOperation, shape: (role: string) => readonly number[]): number {
  switch (op) {
    case "linear":
    case "heads":
      return shape("x").at(-1) as number;
    case "norm":
      return elementCount(shape("x").slice(1));
    case "conv":
      return (shape("x").at(-1) as number) * kernelOf({ shape: shape("weight") }).reduce((a, b) => a * b, 1);
    case "reduce":
      return elementCount(shape("a"));
    case "denseAttention":
    case "attention":
      return shape("key")[2] + shape("key")[3];
    default:
      return "x0" in inputs ? Object.keys(inputs).length : 1;
  }
}

/** What exponentials and sines add. */
function special(plan: Plan, { op, in: inputs }: PlanOperation): number {
  // Logits up to 16 are rounded before the exponential; weights may be rounded to the dtype of the values.
  if (op === "denseAttention" || op === "attention") return 64 * F32 + spacing(plan.values[inputs.value].dtype);
  // Angles up to 1000 reduced in f32.
  if (op === "timestep") return 1e-5;
  if (op === "unary") return 8 * F32;
  return 0;
}
