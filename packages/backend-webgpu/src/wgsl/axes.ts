import { type Param, u32 } from "../kernel.js";

/** Axes of a result that several tensors are read along: sizes, and elements from place to place of each tensor. */
export interface Axes {
  readonly sizes: readonly number[];
  /** Strides of each tensor, axis by axis; 0 where it has the same everywhere. */
  readonly strides: readonly (readonly number[])[];
}

/** Strides of a row-major tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/** Strides of a tensor that is broadcast to `shape`. */
export function broadcastStrides(of: readonly number[], shape: readonly number[]): number[] {
  const own = stridesOf(of);
  return shape.map((_, i) => {
    const axis = i - shape.length + of.length;
    return axis < 0 || of[axis] === 1 ? 0 : own[axis];
  });
}

/** The same with as few axes as possible: no axis of one place, and none that all tensors go on through. */
export function collapse({ sizes, strides }: Axes): Axes {
  const kept: number[] = [];
  const keptStrides = strides.map(() => [] as number[]);
  sizes.forEach((size, i) => {
    if (size === 1) return;
    const last = kept.length - 1;
    if (last >= 0 && strides.every((of, t) => keptStrides[t][last] === of[i] * size)) {
      kept[last] *= size;
      strides.forEach((of, t) => {
        keptStrides[t][last] = of[i];
      });
    } else {
      kept.push(size);
      strides.forEach((of, t) => {
        keptStrides[t].push(of[i]);
      });
    }
  });
  if (kept.length > 0) return { sizes: kept, strides: keptStrides };
  return { sizes: [1], strides: strides.map(() => [1]) };
}

/** Parameters of `axesFunctions`: sizes, and strides of every tensor. */
export const axesParams = (rank: number, names: readonly string[]): Param[] =>
  Array.from({ length: rank }, (_, i) => u32(`size${i}`, ...names.map((name) => `${name}_stride${i}`))).flat();

export const axesValues = ({ sizes, strides }: Axes, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    sizes.flatMap((size, i) => [
      [`size${i}`, size],
      ...names.map((name, t) => [`${name}_stride${i}`, strides[t][i]] as [string, number]),
    ]),
  );

/** Declares `NAME_at(i)`: the element of a tensor that belongs to element `i` of the result. */
export const axesFunctions = (rank: number, names: readonly string[]): string =>
  names
    .map((name) => {
      const steps = Array.from({ length: rank }, (_, i) => rank - 1 - i).map((axis) =>
        axis === 0
          ? `at += rest * p.${name}_stride0;`
          : `at += rest % p.size${axis} * p.${name}_stride${axis}; rest /= p.size${axis};`,
      );
      return `fn ${name}_at(i: u32) -> u32 { var rest = i; var at = 0u; ${steps.join(" ")} return at; }`;
    })
    .join("\n");
