import { type Plan as AttentionPlan, compilePlan, type Geometry, type Step } from "@spaattn/attention";
import {
  byteSize,
  type OperationName,
  type Operations,
  type Plan,
  type PlanOperation,
  type PlanValue,
  type Role,
  type Segment,
} from "@spaattn/core";
import type { Lowered } from "./commands.js";
import type { Device } from "./device.js";
import { lower } from "./lower.js";

/** Attributes of an operation that is a step of attention. */
export interface StepAttrs {
  readonly step: Step;
  readonly geometry: Geometry;
}

export const stepOf = ({ attrs }: PlanOperation): StepAttrs | undefined =>
  "step" in (attrs as object) && "geometry" in (attrs as object) ? (attrs as unknown as StepAttrs) : undefined;

const ROLES = { input: "input", output: "output", workspace: "temporary", constant: "constant" } as const;

const operationOf = (attrs: StepAttrs, inputs: PlanOperation["in"], out: PlanOperation["out"]): PlanOperation => ({
  op: attrs.step.op as OperationName,
  attrs: attrs as unknown as Operations[OperationName],
  in: inputs,
  out,
  cost: { flop: 0, bytes: 0 },
});

/** A plan of attention as a plan of operations: then one placement and one kind of program serve both. */
export function planOfSteps(plan: AttentionPlan): Plan {
  const values: Record<string, PlanValue> = {};
  for (const [name, { dtype, shape, role }] of Object.entries(plan.tensors))
    values[name] = { dtype, shape, role: ROLES[role] };
  const { geometry, constants } = plan;
  const operations = plan.steps.map((planned) =>
    operationOf({ step: planned.step, geometry }, planned.in, planned.out),
  );
  return { values, operations, segments: [], rows: [], constants };
}

/** One step on its own; every tensor is the caller's. */
export function planOfStep(
  attrs: StepAttrs,
  inputs: Readonly<Record<string, PlanValue>>,
  outputs: Readonly<Record<string, PlanValue>>,
): Plan {
  const names = (roles: object) => Object.fromEntries(Object.keys(roles).map((role) => [role, role]));
  const operations = [operationOf(attrs, names(inputs), names(outputs))];
  return { values: { ...inputs, ...outputs }, operations, segments: [], rows: [], constants: {} };
}

/** Replaces every operation `attention` by its steps, whose workspace becomes temporaries of the plan. */
export function expandAttention(plan: Plan): Plan {
  if (!plan.operations.some(({ op }) => op === "attention")) return plan;
  const values: Record<string, PlanValue> = { ...plan.values };
  const constants = { ...plan.constants };
  const operations: PlanOperation[] = [];
  const starts: number[] = [];
  plan.operations.forEach((operation, i) => {
    starts.push(operations.length);
    if (operation.op !== "attention") {
      operations.push(operation);
      return;
    }
    const { spec } = operation.attrs as Operations["attention"];
    const inner = compilePlan(spec);
    const outer: Record<string, string> = {};
    for (const [name, { dtype, shape, role }] of Object.entries(inner.tensors)) {
      const bound = operation.in[name] ?? operation.out[name];
      outer[name] = bound ?? `attention${i}.${name}`;
      if (bound !== undefined) continue;
      values[outer[name]] = { dtype, shape, role: ROLES[role] };
      if (role === "constant") constants[outer[name]] = inner.constants[name];
    }
    for (const [role, name] of Object.entries(operation.in)) outer[role] = aligned(name, values, operations);
    const rename = (roles: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(roles).map(([role, name]) => [role, outer[name]]));
    for (const planned of inner.steps)
      operations.push(
        operationOf({ step: planned.step, geometry: inner.geometry }, rename(planned.in), rename(planned.out)),
      );
  });
  const at = (i: number) => starts[i] ?? operations.length;
  const move = <T extends Pick<Segment, "first" | "end">>(span: T): T => ({
    ...span,
    first: at(span.first),
    end: at(span.end),
  });
  return { values, operations, constants, segments: plan.segments.map(move), rows: plan.rows.map(move) };
}

/** A view that begins where no binding can is copied first. */
function aligned(name: string, values: Record<string, PlanValue>, operations: PlanOperation[]): string {
  const { view, dtype, shape } = values[name];
  if (!view || (view.offset * byteSize(dtype)) % 256 === 0) return name;
  const copy = `${name}.aligned`;
  if (values[copy]) return copy;
  values[copy] = { dtype, shape, role: "temporary" as Role };
  operations.push({
    op: "unary" as OperationName,
    attrs: { kind: "none", dtype } as never,
    in: { x: name },
    out: { y: copy },
    cost: { flop: 0, bytes: 0 },
  });
  return copy;
}

/** Dispatches of one step, with windows of its tensors moved to where they lie in their bases. */
export function lowerStep(
  device: Device,
  operation: PlanOperation,
  { step, geometry }: StepAttrs,
  values: Readonly<Record<string, PlanValue>>,
): Lowered {
  const names: Readonly<Record<string, string>> = { ...operation.in, ...operation.out };
  const tensors = Object.fromEntries(Object.entries(names).map(([role, name]) => [role, values[name]]));
  const lowering = lower(device, geometry, step, tensors);
  const commands = lowering.commands.map((command) => ({
    ...command,
    operands: command.operands.map((operand) => {
      if (operand.own) return operand;
      const { view, dtype } = values[names[operand.tensor]];
      const before = (view?.offset ?? 0) * byteSize(dtype);
      return { ...operand, tensor: view?.base ?? names[operand.tensor], offset: operand.offset + before };
    }),
  }));
  const { scratch, kernel, reason } = lowering;
  return { commands, scratch, kernel, reason };
}
