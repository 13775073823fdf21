import { elementCount } from "@spaattn/core";
import { ACTIVATIONS } from "@spaattn/nn";
import * as K from "../network/kernels.js";
import { CHUNK, ceil, float, type Lowering } from "../network/lowering.js";
import type { OperationKernel } from "./kernel.js";
import { modulation } from "./modulation.js";

const KINDS = { layer: 0, rms: 1, l2: 2 } as const;

/** What follows the normalisation, as words. */
function affine(l: Lowering<"norm">, shape: readonly number[]): number[] {
  return [
    ...[l.f32("weight"), l.f32("bias"), l.f32("shift"), modulation(l, "shift", shape)],
    ...[l.f32("scale"), modulation(l, "scale", shape), ACTIVATIONS.indexOf(l.attrs.activation)],
  ];
}

function group(l: Lowering<"norm">): void {
  const { shape } = l.get("x");
  const width = shape[shape.length - 1];
  const [batch] = shape;
  const positions = elementCount(shape) / width / batch;
  const groups = l.attrs.groups as number;
  const chunk = Math.max(1, ceil(CHUNK, width));
  const parts = ceil(positions, chunk);
  const sums = l.scratch(16 * batch * parts * groups);
  l.perThread(16 + 16 * groups + 64);
  const words = [
    ...[l.f32("x"), l.result("y"), positions, width, groups, chunk, parts, sums, float(l.attrs.eps)],
    ...affine(l, shape),
  ];
  l.phase(K.K_GROUP_SUMS, words, batch * parts);
  l.phase(K.K_GROUP_APPLY, words, batch * parts);
}

export const norm: OperationKernel<"norm"> = {
  kernel: "row by row, statistics in f64",
  lower(l) {
    const { kind, eps } = l.attrs;
    if (kind === "group") return group(l);
    const { shape } = l.get("x");
    const width = shape[shape.length - 1];
    const rows = elementCount(shape) / width;
    const chunk = Math.max(1, ceil(CHUNK, width));
    const words = [...[l.f32("x"), l.result("y"), rows, width, chunk, KINDS[kind], float(eps)], ...affine(l, shape)];
    l.phase(K.K_NORM, words, ceil(rows, chunk));
  },
};
