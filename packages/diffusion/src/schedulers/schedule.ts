/**
 * Tensors a scheduler works on: `sample` (the latents), `output` (the model's), `noise`, and a few of its own that live
 * from step to step.
 */
export type Slot = "sample" | "output" | "noise" | "base" | "history0" | "history1" | "history2";

/** `target = sum of factor * slot`; all slots have the shape of the latents, `target` may be one of the terms. */
export interface Combine {
  readonly target: Slot;
  readonly terms: readonly (readonly [slot: Slot, factor: number])[];
}

/** One denoising step: call the model with `timestep`, then combine. */
export interface SchedulerStep {
  /** What the model is given; an integer for some schedulers. */
  readonly timestep: number;
  /** In order. After the last one `sample` is the input of the next step. */
  readonly combine: readonly Combine[];
  /**
   * Normal tensors to draw before combining; the last one is `noise`. (The reference draws one in vain from the second
   * step on, which matters for equal seeds only.)
   */
  readonly noiseDraws: number;
}

/**
 * A whole schedule as data: every step is a few linear combinations of tensors, on whatever device they are.
 *
 * `Sampler` runs it on the host.
 */
export interface Schedule {
  /** The class of diffusers it equals. */
  readonly name: string;
  readonly steps: readonly SchedulerStep[];
  /** Noise levels, one more than steps, the last one 0; undefined where the scheduler has none. */
  readonly sigmas?: Float32Array;
}

/** Terms of the same slot added up, those without effect left out. */
export function combine(target: Slot, terms: readonly (readonly [Slot, number])[]): Combine {
  const sum = new Map<Slot, number>();
  for (const [slot, factor] of terms) sum.set(slot, (sum.get(slot) ?? 0) + factor);
  return { target, terms: [...sum].filter(([, factor]) => factor !== 0) };
}

/** @throws RangeError naming the option */
export function checkSteps(steps: number): void {
  if (!(Number.isSafeInteger(steps) && steps >= 1 && steps <= 1000))
    throw new RangeError(`steps must be an integer from 1 to 1000, got ${steps}`);
}

/** @throws RangeError naming the option */
export function checkPositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`${name} must be a positive number, got ${value}`);
}
