import type { AttendStep } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import type { Handle, TensorMapShape } from "../driver/driver.js";
import { type Argument, Params } from "../params.js";
import type { Site, View, Views } from "../site.js";
import { biasStride, native16, nativeBias, nativeIndices } from "./convert.js";

/** Pseudo-keys and their bias, in the kernels' layout. */
interface Pseudo {
  readonly key: View;
  readonly value: View;
  readonly bias: View;
  readonly strata: number;
}

/** Block-sparse attention with text rows in the same launch; the kernel is chosen by compute capability. */
export function attend(site: Site, step: AttendStep, inputs: Views, outputs: Views): void {
  const { visualBlocks: n, textBlocks } = site.geometry;
  const { key, value } = inputs;
  if (!key || !value) throw new TypeError("attend needs key and value");
  const pseudo = pseudoKeys(site, step, inputs);
  const parameters = attendParams(site, step, inputs, outputs, pseudo);
  const grid = [site.heads * (n + textBlocks)] as const;
  if (usesHopper(site)) hopper(site, step, grid, inputs, pseudo, parameters.bytes());
  else ampere(site, grid, inputs, pseudo, parameters);
}

/** Hopper's own instructions exist on 9.0 alone; later chips run the general kernel. */
export const attendKernel = (capability: number): "attend-sm90" | "attend-sm80" =>
  capability === 90 ? "attend-sm90" : "attend-sm80";
const usesHopper = (site: Site) => attendKernel(site.capability) === "attend-sm90";

function pseudoKeys(site: Site, step: AttendStep, inputs: Views): Pseudo | undefined {
  const { strataKey, strataValue, bias } = inputs;
  if (!strataKey || !strataValue || !bias) return undefined;
  const { visualBlocks: n, headDim: d } = site.geometry;
  const strata = n * step.strataPerBlock;
  const elements = Math.ceil(n / step.group) * strata * d;
  return {
    key: native16(site, "strataKey", strataKey, elements),
    value: native16(site, "strataValue", strataValue, elements),
    bias: nativeBias(site, bias, n, strata),
    strata,
  };
}

/** AttendParams of attend.cuh. */
function attendParams(site: Site, step: AttendStep, inputs: Views, outputs: Views, pseudo: Pseudo | undefined): Params {
  const { visualBlocks: n, textBlocks, visualTokens, tokens, scale } = site.geometry;
  const indices = inputs.indices && nativeIndices(site, inputs.indices, n * step.stride);
  return new Params()
    .pointers(site.at(inputs.counts), site.at(indices), site.at(inputs.factor), site.at(inputs.compensation))
    .pointers(site.at(pseudo?.bias), site.textValid, site.at(outputs.output), site.at(outputs.lse))
    .ints(site.heads, n, textBlocks, visualTokens, tokens, step.stride, pseudo ? biasStride(pseudo.strata) : 0)
    .ints(step.group, Math.ceil(n / step.group))
    .floats(scale * Math.LOG2E)
    .ints(site.outputDtype === "f16");
}

function hopper(
  site: Site,
  step: AttendStep,
  grid: readonly [number],
  inputs: Views,
  pseudo: Pseudo | undefined,
  parameters: Argument,
): void {
  const { headDim: d, tokens, visualBlocks } = site.geometry;
  const map = (view: View | undefined, rows: number, slabs: number, dtype = site.dtype) =>
    tensorMap(site, site.at(view) as Handle, rows, slabs, dtype);
  const [query, key, value] = [inputs.query, inputs.key, inputs.value].map((view) => map(view, tokens, site.heads));
  const slabs = site.heads * Math.ceil(visualBlocks / step.group);
  const maps = pseudo
    ? [map(pseudo.key, pseudo.strata, slabs), map(pseudo.value, pseudo.strata, slabs, "f16")]
    : [key, value];
  const stages = d === 128 ? 3 : 4;
  const tile = 128 * d * 2;
  site.launch({
    module: "attend-sm90",
    kernel: `attend90_${site.variant}`,
    grid,
    threads: 384,
    sharedBytes: (1 + 2 * stages) * tile + stages * 512 + 8 * (1 + 4 * stages),
    parameters: [query, key, value, ...maps, parameters],
  });
}

const tensorMap = (site: Site, address: Handle, y: number, z: number, dtype: FloatDType): TensorMapShape => ({
  dtype: dtype as Exclude<FloatDType, "f32">,
  address,
  x: site.geometry.headDim,
  y,
  z,
});

function ampere(
  site: Site,
  grid: readonly [number],
  inputs: Views,
  pseudo: Pseudo | undefined,
  parameters: Params,
): void {
  const row = site.geometry.headDim * 2;
  parameters
    .pointers(site.at(inputs.query), site.at(inputs.key), site.at(inputs.value))
    .pointers(site.at(pseudo?.key), site.at(pseudo?.value))
    .ints(pseudo?.strata ?? 0);
  site.launch({
    module: "attend-sm80",
    kernel: `attend80_${site.variant}`,
    grid,
    threads: 256,
    sharedBytes: 128 * row + 2 * 2 * 64 * row,
    parameters: [parameters.bytes()],
  });
}
