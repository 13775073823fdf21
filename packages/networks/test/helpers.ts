import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DType, HostTensor, type TensorSpec, type Value } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import { reference } from "@spaattn/reference";
import { openWeights, readJson } from "@spaattn/weights";
import { directoryFolder, withSafetensors } from "@spaattn/weights/node";
import { expect } from "vitest";
import type { Config, Probe } from "../src/index.js";

const GOLDEN = fileURLToPath(new URL("../../../../shared/golden/diffusion/", import.meta.url));

export type Tensors = ReadonlyMap<string, HostTensor>;

/** A model among the golden files: configuration, weights, and what the reference computed with them. */
export interface GoldenModel {
  readonly config: Config;
  readonly weights: Tensors;
  readonly golden: Tensors;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Loads one; skips the test loudly where it is missing. */
export async function goldenModel(ctx: { skip(reason: string): void }, path: string): Promise<GoldenModel> {
  const root = join(GOLDEN, path);
  if (!existsSync(root)) {
    console.warn(`SKIPPED: ${path} is expected in ../shared/golden/diffusion`);
    ctx.skip("golden files are missing");
  }
  const folder = directoryFolder(root);
  const files = await openWeights(folder);
  const weights = new Map<string, HostTensor>();
  for (const name of files.names) weights.set(name, await files.read(name));
  await files.close();
  const golden = new Map<string, HostTensor>();
  const metadata = await withSafetensors(join(root, "golden.safetensors"), async (file) => {
    for (const name of file.names) golden.set(name, await file.tensor(name));
    return file.metadata;
  });
  return { config: (await readJson(folder, "config.json")) ?? {}, weights, golden, metadata };
}

function filledWithNaN(dtype: DType, shape: readonly number[]): HostTensor {
  const tensor = new HostTensor(dtype, shape);
  (tensor.data as Float32Array).fill(Number.NaN);
  return tensor;
}

function tensorOf(tensors: Tensors, name: string): HostTensor {
  const found = tensors.get(name);
  if (!found) throw new Error(`there is no tensor ${name}`);
  return found;
}

/** A golden tensor, in another shape where asked. */
export function tensor(tensors: Tensors, name: string, shape?: readonly number[], dtype: DType = "f32"): HostTensor {
  const found = tensorOf(tensors, name);
  const converted = found.to(dtype);
  return new HostTensor(dtype, shape ?? found.shape, converted.data);
}

/** A builder that knows the specs of these weights. */
export const builderFor = (weights: Tensors): Builder =>
  new Builder({ weightSpec: (name): TensorSpec | undefined => weights.get(name) });

/**
 * Records a network, runs it on the float64 oracle and returns its results and everything it showed to the probe.
 *
 * @param states what goes on from run to run; missing ones begin as NaN
 * @param record returns the results by name; declares inputs under the names of `inputs`
 */
export async function run(
  weights: Tensors,
  inputs: Readonly<Record<string, HostTensor>>,
  record: (g: Builder, input: (name: string) => Value, probe: Probe) => Readonly<Record<string, Value>>,
  states: Map<string, HostTensor> = new Map(),
): Promise<Map<string, HostTensor>> {
  const g = builderFor(weights);
  const seen = new Map<string, Value>();
  const probe: Probe = (name, value) => seen.set(name, value);
  const results = record(g, (name) => g.input(name, inputs[name].dtype, inputs[name].shape), probe);
  const outputs = [...seen, ...Object.entries(results)];
  for (const [name, value] of outputs) g.output(`out/${name}`, value);
  const plan = g.build();
  const bindings: Record<string, HostTensor> = { ...inputs };
  for (const [name, { role, dtype, shape, view }] of Object.entries(plan.values)) {
    if (role === "weight" && !view) bindings[name] = tensorOf(weights, name);
    if (role !== "state" || view) continue;
    if (!states.has(name)) states.set(name, filledWithNaN(dtype, shape));
    bindings[name] = tensorOf(states, name);
  }
  const read = new Map<string, HostTensor>();
  for (const [name] of outputs) {
    const { dtype, shape } = plan.values[`out/${name}`];
    read.set(name, new HostTensor(dtype, shape));
    bindings[`out/${name}`] = tensorOf(read, name);
  }
  const device = await reference.create();
  await (await device.compile(plan)).run(bindings);
  return read;
}

/** Largest difference over the largest expected magnitude; NaN counts as infinite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(difference, d);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return scale === 0 ? difference : difference / scale;
}

/** Expects agreement within `limit`, or within what half precision holds where the golden tensor is stored so. */
export function expectClose(
  name: string,
  actual: HostTensor | Float32Array,
  expected: HostTensor,
  limit: number,
): void {
  const values = actual instanceof Float32Array ? actual : crop(actual, expected.shape);
  const tolerance = expected.dtype === "f16" ? 2e-3 : limit;
  const error = relativeError(values, expected.toFloat32());
  expect(`${name}: ${error < tolerance ? "close" : error}`).toBe(`${name}: close`);
}

/** Moves the axes of a tensor. */
export function permute(tensor: HostTensor, perm: readonly number[]): Float32Array {
  const { shape } = tensor;
  const data = tensor.toFloat32();
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = perm.map((axis) => shape[axis]);
  const out = new Float32Array(data.length);
  const index = new Array<number>(sizes.length).fill(0);
  for (let at = 0; at < out.length; at++) {
    out[at] = data[index.reduce((sum, i, k) => sum + i * strides[perm[k]], 0)];
    for (let k = sizes.length - 1; k >= 0 && ++index[k] === sizes[k]; k--) index[k] = 0;
  }
  return out;
}

/** The beginning of every axis: golden files keep the first batch item, or the first rows, of some tensors. */
function crop(tensor: HostTensor, shape: readonly number[]): Float32Array {
  const whole = tensor.toFloat32();
  if (tensor.shape.length !== shape.length) return whole;
  const strides = tensor.shape.map((_, i) => tensor.shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const index = new Array<number>(shape.length).fill(0);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    const value = whole[index.reduce((sum, i, axis) => sum + i * strides[axis], 0)];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
    return value;
  });
}
