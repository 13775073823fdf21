import type { Combine, Schedule, Slot } from "./schedule.js";

/**
 * Runs a schedule on the host: sums in double precision, tensors in single.
 *
 * @example
 * const sampler = new Sampler(schedule, noise);
 * while (!sampler.done) sampler.step(await model(sampler.sample, sampler.timestep));
 */
export class Sampler {
  readonly schedule: Schedule;
  readonly #slots = new Map<Slot, Float32Array>();
  #step = 0;

  /** @param noise copied */
  constructor(schedule: Schedule, noise: Float32Array) {
    this.schedule = schedule;
    this.#slots.set("sample", noise.slice());
  }

  /** The latents: the input of the next step, the result after the last. */
  get sample(): Float32Array {
    return this.#slots.get("sample") as Float32Array;
  }

  /** The index of the next step. */
  get index(): number {
    return this.#step;
  }

  get done(): boolean {
    return this.#step === this.schedule.steps.length;
  }

  /** @throws RangeError after the last step */
  get timestep(): number {
    return this.#next().timestep;
  }

  /**
   * Does the next step.
   *
   * @param output what the model made of `sample`; not changed
   * @param noise normal numbers, for schedulers that add noise
   * @throws RangeError for a wrong length or missing noise, or after the last step
   */
  step(output: Float32Array, noise?: Float32Array): Float32Array {
    const step = this.#next();
    this.#give("output", output);
    if (noise) this.#give("noise", noise);
    else if (step.noiseDraws > 0) throw new RangeError(`step ${this.#step} of ${this.schedule.name} needs noise`);
    for (const one of step.combine) this.#combine(one);
    this.#step++;
    return this.sample;
  }

  #next() {
    const step = this.schedule.steps[this.#step];
    if (!step) throw new RangeError(`all ${this.#step} steps are done`);
    return step;
  }

  #give(slot: Slot, values: Float32Array): void {
    const { length } = this.sample;
    if (values.length !== length) throw new RangeError(`${slot} has ${values.length} numbers, not ${length}`);
    this.#slots.set(slot, values);
  }

  #combine({ target, terms }: Combine): void {
    const sources = terms.map(([slot]) => this.#slots.get(slot) as Float32Array);
    const out = new Float32Array(this.sample.length);
    for (let i = 0; i < out.length; i++) {
      let sum = 0;
      for (let j = 0; j < sources.length; j++) sum += terms[j][1] * sources[j][i];
      out[i] = sum;
    }
    this.#slots.set(target, out);
  }
}
