import type { LinearAttrs } from "@spaattn/nn";
import {
  type BlasProduct,
  bytesOf,
  type Call,
  type CudaOperation,
  ceilDivide,
  computes,
  countOf,
  inEights,
  is16,
  isAligned,
  kindOf,
  lastOf,
  must,
  notFloat,
  type Operand,
  roundUp,
  type Shapes,
} from "../network/call.js";
import { Params } from "../params.js";
import { type Epilogue, writeEpilogue } from "./epilogue.js";
import { generalLaunch, hopperLaunch, hopperTile, type Product } from "./matrix.js";
import { plainWeights } from "./weights.js";

/** Up to so many rows reading the weights is all the work. */
const FEW_ROWS = 8;
/** Below so many rows a library's choice of kernels is not worth its call. */
const BLAS_ROWS = 64;

interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}
function sizesOf({ in: inputs, out }: Pick<Shapes<"linear">, "in" | "out">): Sizes {
  const k = lastOf(must(inputs, "x"));
  return { m: countOf(must(inputs, "x")) / k, n: lastOf(out.y), k };
}

type Path = "blas" | "matrix" | "few" | "simple";
function pathOf(shapes: Shapes<"linear">): Path {
  const { m } = sizesOf(shapes);
  const x = must(shapes.in, "x");
  const { matrix: forced } = shapes.chip;
  if (m <= FEW_ROWS && !forced) return "few";
  if (!is16(x.dtype) || forced === "simple") return "simple";
  if (forced) return "matrix";
  return blasTakes(shapes) ? "blas" : "matrix";
}

/** What cuBLASLt's own epilogues can express: bias and gelu, or bias and residual, in one type. */
function blasTakes({ attrs, in: inputs, out, chip }: Shapes<"linear">): boolean {
  const { m, n, k } = sizesOf({ in: inputs, out });
  const { weight2, gate, bias, residual, scale } = inputs;
  const x = must(inputs, "x");
  if (!chip.blas || weight2 || gate || scale || m < BLAS_ROWS || n % 8 !== 0 || k % 8 !== 0) return false;
  if (out.y.dtype !== x.dtype || (bias && bias.dtype !== x.dtype)) return false;
  if (attrs.activation === "gelu-tanh") return !residual;
  return attrs.activation === "none" && (!residual || residual.dtype === x.dtype);
}

/** The type weights are computed in, where it is not their own. */
function converted(shapes: Shapes<"linear">, path: Path): "f32" | "f16" | "bf16" | undefined {
  const { dtype } = must(shapes.in, "weight");
  const x = must(shapes.in, "x").dtype;
  if (path === "matrix" || path === "blas") return dtype === x ? undefined : (x as "f16" | "bf16");
  return shapes.attrs.format ? "f32" : undefined;
}

function weightBytes(shapes: Shapes<"linear">, path: Path): number {
  const { n, k } = sizesOf(shapes);
  const dtype = converted(shapes, path);
  return dtype ? roundUp(n * k * bytesOf(dtype)) : 0;
}

export const linear: CudaOperation<"linear"> = {
  unsupported: ({ in: inputs }) => notFloat(inputs, "x", "bias", "bias2", "gate", "residual"),
  scratch(shapes) {
    const path = pathOf(shapes);
    const weights = weightBytes(shapes, path) * (shapes.in.weight2 ? 2 : 1);
    return weights + (path === "blas" ? (shapes.chip.blas?.scratchBytes ?? 0) : 0);
  },
  record(call) {
    const sizes = sizesOf(call);
    if (sizes.m === 0) return;
    const path = pathOf(call);
    const dtype = converted(call, path);
    const bytes = weightBytes(call, path);
    const plain = (weight: Operand, place: number): Operand =>
      dtype
        ? plainWeights(
            call,
            weight,
            { dtype, shape: [sizes.n, sizes.k], pointer: call.scratch + BigInt(place * bytes) },
            call.attrs.format,
          )
        : weight;
    const w = plain(must(call.in, "weight"), 0);
    const w2 = call.in.weight2 && plain(call.in.weight2, 1);
    const product = { ...sizes, x: must(call.in, "x"), w, w2, epilogue: epilogueOf(call) };
    if (path === "blas" && blas(call, product, bytes)) return;
    if (path === "few") fewRows(call, product);
    else if (path === "simple") simple(call, product);
    else matrix(call, product);
  },
  describe(shapes) {
    const { m, n, k } = sizesOf(shapes);
    const path = pathOf(shapes);
    const dtype = converted(shapes, path);
    const after = dtype ? `; weights converted to ${dtype} first` : "";
    const size = `[${m}, ${k}] x [${k}, ${n}]`;
    if (path === "few") return { kernel: "few_rows", reason: `${size}: reading the weights is all the work${after}` };
    if (path === "simple") return { kernel: "gemm_simple", reason: `${size} in f32${after}` };
    if (path === "blas")
      return { kernel: shapes.chip.blas?.name ?? "", reason: `${size}: its epilogues express this one${after}` };
    const hopper = shapes.chip.capability === 90 && k % 8 === 0;
    const tile = hopperTile(shapes.chip, m, n, shapes.in.weight2 !== undefined);
    return hopper
      ? { kernel: `gemm-sm90 ${tile}`, reason: `${size}: TMA and wgmma, whole epilogue${after}` }
      : { kernel: "gemm-sm80", reason: `${size}: mma.sync and cp.async, whole epilogue${after}` };
  },
};

function epilogueOf({ attrs, in: inputs, out }: Call<"linear">): Epilogue {
  const { bias, bias2, scale, scale2, gate, index, residual, weight2 } = inputs;
  return {
    y: out.y,
    batch: must(inputs, "x").shape[0],
    activation: (attrs as LinearAttrs).activation,
    bias,
    scale,
    gate,
    index,
    residual,
    paired: weight2 && { bias: bias2, scale: scale2 },
  };
}

function matrix(call: Call<"linear">, product: Product): void {
  const { m, n, k, x, w, w2 } = product;
  const vector = k % 8 === 0 && [x, w, w2].every((operand) => !operand || isAligned(operand));
  const { capability, matrix: forced } = call.chip;
  if (vector && capability === 90 && forced !== "general" && forced !== "simple")
    call.launch(hopperLaunch(call.chip, product, forced ?? hopperTile(call.chip, m, n, w2 !== undefined)));
  else call.launch(generalLaunch(product, vector));
}

/** SimpleParams of gemm-simple. */
function simpleParams({ m, k, x, w, w2, epilogue }: Product): Params {
  const params = new Params().pointers(x.pointer).longs(m).ints(k, 0).pointers(w.pointer, w2?.pointer);
  params.ints(kindOf(x.dtype), 0, kindOf(w.dtype), kindOf((w2 ?? w).dtype));
  return writeEpilogue(params, epilogue);
}

function simple(call: Call<"linear">, product: Product): void {
  const grid = [ceilDivide(product.m, 64), ceilDivide(product.n, 64)] as const;
  const parameters = [simpleParams(product).bytes()];
  call.launch({ module: "gemm-simple", kernel: "gemm_simple", grid, threads: 256, parameters });
}

function fewRows(call: Call<"linear">, product: Product): void {
  const { m, n, k, x, w, w2 } = product;
  const eights = inEights(k, x, w, w2) && computes(w.dtype);
  const kernel = eights ? (m === 1 ? "few_rows_one" : "few_rows_eight") : "few_rows_any";
  const parameters = [simpleParams(product).bytes()];
  call.launch({ module: "gemm-simple", kernel, grid: [ceilDivide(n, 8)], threads: 256, parameters });
}

function blas(call: Call<"linear">, { m, n, k, x, w, epilogue }: Product, weights: number): boolean {
  const { y, bias, residual } = epilogue;
  if (![x, w, y, bias, residual].every((operand) => !operand || isAligned(operand))) return false;
  const product: BlasProduct = {
    dtype: x.dtype as "f16" | "bf16",
    m,
    n,
    k,
    gelu: epilogue.activation === "gelu-tanh",
    x: x.pointer,
    w: w.pointer,
    y: y.pointer,
    bias: bias?.pointer,
    residual: residual?.pointer,
    scratch: call.scratch + BigInt(weights),
  };
  const prepared = call.chip.blas?.prepare(product);
  if (prepared) call.call(prepared);
  return prepared !== undefined;
}
