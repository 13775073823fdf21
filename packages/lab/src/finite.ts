import type { HostTensor } from "@spaattn/core";

/** Values of a tensor that are no numbers (NaN) or infinite. */
export interface NotFinite {
  readonly count: number;
  /** Index of the first, one number per axis. */
  readonly first: readonly number[];
}

/** Finds values that are not finite; undefined where all are. One of them makes every figure that it enters one as well. */
export function notFinite(tensor: HostTensor): NotFinite | undefined {
  const { data, dtype, shape } = tensor;
  // 16-bit types by their bits: all ones in the exponent.
  const exponent = dtype === "f16" ? 0x7c00 : dtype === "bf16" ? 0x7f80 : 0;
  let count = 0;
  let first = -1;
  for (let i = 0; i < data.length; i++) {
    if (exponent ? (data[i] & exponent) !== exponent : Number.isFinite(data[i])) continue;
    count++;
    if (first < 0) first = i;
  }
  if (count === 0) return undefined;
  const at: number[] = [];
  for (let axis = shape.length - 1, rest = first; axis >= 0; axis--) {
    at.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return { count, first: at };
}

/** A sentence for each of these tensors that holds values that are not finite. */
export function notFiniteNotes(tensors: Readonly<Record<string, HostTensor>>): string[] {
  return Object.entries(tensors).flatMap(([name, tensor]) => {
    const found = notFinite(tensor);
    if (!found) return [];
    const { count, first } = found;
    const values = count === 1 ? "1 value" : `${count} values`;
    return [
      `${name} holds ${values} that ${count === 1 ? "is" : "are"} not finite (the first at [${first.join(", ")}]).`,
    ];
  });
}
