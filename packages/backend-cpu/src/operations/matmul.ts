import type { Activation, BlockFormat } from "@spaattn/nn";
import { ACTIVATIONS } from "@spaattn/nn";
import * as K from "../network/kernels.js";
import { ceil, DTYPE_CODES, type Lowering } from "../network/lowering.js";

const FORMATS: Readonly<Record<BlockFormat, number>> = {
  q8_0: K.Q8_0,
  q4_0: K.Q4_0,
  q4_1: K.Q4_1,
  q5_0: K.Q5_0,
  q5_1: K.Q5_1,
  q4_k: K.Q4_K,
  q5_k: K.Q5_K,
  q6_k: K.Q6_K,
};

/** A product of rows with the rows of a weight, and what follows; addresses are 0 where there is nothing. */
export interface Matmul {
  readonly x: number;
  readonly window: number;
  readonly m: number;
  readonly n: number;
  readonly taps: number;
  /** Numbers per tap. */
  readonly depth: number;
  readonly weight: number;
  readonly weight2: number;
  readonly format?: BlockFormat | undefined;
  readonly activation: Activation;
  readonly modulation: number;
}

const lineBytes = (K.DEPTH + 4) * 4;

/** Emits the phase of a product; scale, bias, gate, residual and result are found by role. */
export function matmul(l: Lowering<"linear"> | Lowering<"conv">, p: Matmul): void {
  const { m, n, taps, depth } = p;
  const columns = ceil(n, K.TASK_COLUMNS);
  let rows = K.TASK_ROWS;
  while (rows > 64 && ceil(m, rows) * columns < 4 * l.threads) rows /= 2;
  const weightSpec = l.spec("weight");
  const dtype = weightSpec?.dtype ?? "f32";
  const type = p.format ? FORMATS[p.format] : DTYPE_CODES[dtype];
  const type2 = p.format ? type : DTYPE_CODES[l.spec("weight2")?.dtype ?? dtype];
  const weightBytes = p.format ? (weightSpec?.shape[1] ?? 0) : taps * depth * elementBytes(type);
  const step = (role: string) => (l.spec(role)?.shape[0] === 1 ? 0 : 4);
  const sums = K.TASK_ROWS * 256 * (p.weight2 ? 2 : 1);
  l.perThread(sums + 21 * lineBytes + 4 * depth + 64 + 4 * taps * ceil(rows, 8) * 8);
  const words = [
    ...[p.x, p.window, p.weight, p.weight2, type, type2, m, n, taps, depth, weightBytes, rows],
    ...[l.f32("scale"), step("scale"), l.f32("scale2"), step("scale2"), l.f32("bias"), l.f32("bias2")],
    ...[ACTIVATIONS.indexOf(p.activation), l.f32("gate"), p.modulation, l.f32("residual"), l.result("y")],
  ];
  l.phase(K.K_MATMUL, words, ceil(m, rows) * columns);
}

const elementBytes = (type: number): number =>
  type === K.F32 || type === K.I32
    ? 4
    : type === K.F16 || type === K.BF16 || type === K.U16
      ? 2
      : type === K.F64
        ? 8
        : 1;
