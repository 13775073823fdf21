import { convert, type DType, elementCount, HostTensor, isFloat } from "@spaattn/core";
import { BLOCK_FORMATS, type BlockFormat, rowBytes } from "@spaattn/nn";
import { seededNormal } from "../random.js";

/** How the numbers of a tensor are drawn. */
export interface Numbers {
  /** Default: the case's dtype. */
  readonly dtype?: DType;
  /** Standard deviation; default 1. */
  readonly scale?: number;
  readonly mean?: number;
  /** Integers from 0 to below this, instead of normal numbers. */
  readonly below?: number;
  /** Changes some of the numbers before they are rounded to the dtype. */
  readonly edit?: (values: Float32Array, shape: readonly number[]) => void;
}

/** Seeded numbers, rounded to `dtype`: every device and the oracle see the same. */
export function drawNumbers(dtype: DType, shape: readonly number[], how: Numbers, seed: number): HostTensor {
  const { scale = 1, mean = 0, below, edit } = how;
  const normal = seededNormal(seed);
  const values = Float32Array.from({ length: elementCount(shape) }, () => {
    const x = mean + scale * normal();
    return below === undefined ? x : Math.floor(Math.abs(x) * 7919) % below;
  });
  edit?.(values, shape);
  return new HostTensor(dtype, shape, convert(values, "f32", dtype));
}

/** Where a block keeps numbers in half precision: random bits there would be infinite. */
const HALVES: Readonly<Record<BlockFormat, readonly number[]>> = {
  q8_0: [0],
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
};

/** Rows of random blocks of a format. */
export function drawBlocks(format: BlockFormat, rows: number, k: number, seed: number): HostTensor<"u8"> {
  const { bytes } = BLOCK_FORMATS[format];
  const normal = seededNormal(seed);
  const data = Uint8Array.from({ length: rows * rowBytes(format, k) }, () => Math.floor(Math.abs(normal()) * 9973));
  for (let block = 0; block < data.length; block += bytes)
    for (const at of HALVES[format]) {
      const [half] = convert(Float32Array.of(0.01 + 0.002 * normal()), "f32", "f16");
      data[block + at] = half & 255;
      data[block + at + 1] = half >> 8;
    }
  return new HostTensor("u8", [rows, rowBytes(format, k)], data);
}

/** A tensor full of NaN; of ones where the type has none. */
export function poisoned({ dtype, shape }: { readonly dtype: DType; readonly shape: readonly number[] }): HostTensor {
  const values = new Float32Array(elementCount(shape)).fill(isFloat(dtype) ? Number.NaN : 1);
  return new HostTensor(dtype, shape, convert(values, "f32", dtype));
}
