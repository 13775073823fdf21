// What the sections share: tensors with random contents made on the device, plans of one operation, medians.
import { byteLength, convert, type DType, elementCount, HostTensor, type Plan } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import type { CudaBackend } from "../../src/backend.js";
import type { Chip } from "../../src/network/call.js";
import { compilePlan } from "../../src/network/compile.js";
import type { NetworkProgram } from "../../src/network/program.js";
import type { CudaTensor } from "../../src/tensor.js";

const PATTERN = 1 << 21;

/** Normal numbers from a generator of its own: the same for every run. */
export function randomHost(dtype: DType, shape: readonly number[], scale = 1, seed = 1): HostTensor {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 4294967297;
  };
  const values = Float32Array.from(
    { length: elementCount(shape) },
    () => scale * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  return new HostTensor(dtype, shape, convert(values, "f32", dtype));
}

/** A large tensor of random numbers: a pattern of two million, again and again. */
export function randomTensor(
  backend: CudaBackend,
  dtype: DType,
  shape: readonly number[],
  scale = 1,
  seed = 1,
): CudaTensor {
  const tensor = backend.allocate(dtype, shape);
  const bytes = byteLength(tensor);
  const count = Math.min(PATTERN, elementCount(shape));
  const pattern = backend.upload(randomHost(dtype, [count], scale, seed));
  const step = byteLength(pattern);
  const { driver, stream } = backend.device;
  for (let at = 0; at < bytes; at += step)
    driver.copyOnDevice(tensor.pointer + BigInt(at), pattern.pointer, Math.min(step, bytes - at), stream);
  driver.synchronizeStream(stream);
  pattern.dispose();
  return tensor;
}

export function chipOf(backend: CudaBackend, more: Partial<Chip> = {}): Chip {
  const { capability, multiprocessors, sharedBytes } = backend.device;
  return { capability, multiprocessors, sharedBytes, ...more };
}

export const compileFor = (backend: CudaBackend, plan: Plan, chip: Chip): NetworkProgram =>
  compilePlan(backend.device, chip, plan, {});

export const planOf = (dtype: "bf16" | "f16" | "f32", record: (g: Builder) => void): Plan => {
  const g = new Builder({ dtype, weightDtype: dtype });
  record(g);
  return g.build();
};

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Milliseconds of a run on the device, the median of some. */
export async function timed(
  program: NetworkProgram,
  bindings: Readonly<Record<string, CudaTensor>>,
  repeats = 7,
): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i <= repeats; i++) {
    const { ms } = await program.run(bindings);
    if (i > 0) times.push(ms);
  }
  return median(times);
}

/** The largest difference relative to the largest magnitude; NaN counts as infinite. */
export function distance(got: Float32Array, want: Float32Array): number {
  let top = 0;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    top = Math.max(top, Math.abs(want[i]));
    const error = Math.abs(got[i] - want[i]);
    worst = error <= worst ? worst : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst / top;
}
