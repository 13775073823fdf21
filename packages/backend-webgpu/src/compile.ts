import {
  type CompileOptions,
  HostTensor,
  type Placement,
  type Plan,
  type PlanOperation,
  type PlanValue,
  place,
} from "@spaattn/core";
import type { Command, Lowered } from "./commands.js";
import type { Device } from "./device.js";
import { lowerStep, stepOf } from "./steps.js";

/** Turns an operation that is no step of attention into dispatches. */
export type LowerOperation = (
  device: Device,
  operation: PlanOperation,
  values: Readonly<Record<string, PlanValue>>,
) => Lowered;

/** A plan as dispatches, with everything placed. Operands name values that are no views. */
export interface Compiled {
  readonly placement: Placement;
  readonly lowered: readonly Lowered[];
  readonly commands: readonly PlacedCommand[];
  readonly constants: Readonly<Record<string, HostTensor>>;
}

export interface PlacedCommand extends Command {
  /** Index of the operation in `placement.operations`. */
  readonly operation: number;
}

const MIB = 2 ** 20;
const refuse: LowerOperation = (_, { op }) => {
  throw new TypeError(`there is no operation "${op}"`);
};

/**
 * Lowers every operation of a plan and places what they need, scratch memory included: scratch is a value that lives as long as
 * its operation. Chunks of rows are chosen first, since what an operation needs depends on them.
 */
export function compileCommands(
  device: Device,
  plan: Plan,
  options: CompileOptions = {},
  lowerOperation: LowerOperation = refuse,
): Compiled {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const limits = { maxValueBytes: maxBufferSize, rowsBytes: Math.min(256 * MIB, maxStorageBufferBindingSize) };
  let { memoryLimit } = options;
  for (;;) {
    const chunked = place(plan, { ...limits, ...(memoryLimit === undefined ? {} : { memoryLimit }) });
    const lowered = chunked.operations.map((operation) => {
      const step = stepOf(operation);
      return step
        ? lowerStep(device, operation, step, chunked.values)
        : lowerOperation(device, operation, chunked.values);
    });
    const placement = place(withScratch(chunked, lowered, plan), limits);
    const over = placement.peakBytes - (options.memoryLimit ?? Number.POSITIVE_INFINITY);
    // With less for the values there is room for the scratch; `place` says so when there is none.
    if (over > 0) memoryLimit = Math.min(chunked.peakBytes - 1, (memoryLimit as number) - over);
    else return assembled(placement, lowered, plan);
  }
}

const ownName = (operation: number, name: string) => `#${operation}.${name}`;

function withScratch(chunked: Placement, lowered: readonly Lowered[], plan: Plan): Plan {
  const values: Record<string, PlanValue> = { ...chunked.values };
  const operations = chunked.operations.map((operation, i) => {
    const out: Record<string, string> = { ...operation.out };
    for (const [name, bytes] of lowered[i].scratch) {
      out[`#${name}`] = ownName(i, name);
      values[ownName(i, name)] = { dtype: "u8", shape: [bytes], role: "temporary" };
    }
    return { ...operation, out };
  });
  return { values, operations, segments: chunked.segments, rows: [], constants: plan.constants };
}

function assembled(placement: Placement, lowered: readonly Lowered[], plan: Plan): Compiled {
  const constants: Record<string, HostTensor> = { ...plan.constants };
  const commands = lowered.flatMap(({ commands: own, tables }, operation) => {
    for (const [name, data] of tables ?? [])
      constants[ownName(operation, name)] = new HostTensor("f32", [data.length], data);
    return own.map((command) => ({
      ...command,
      operation,
      operands: command.operands.map((operand) =>
        operand.own ? { ...operand, tensor: ownName(operation, operand.tensor) } : operand,
      ),
    }));
  });
  return { placement, lowered, commands, constants };
}
