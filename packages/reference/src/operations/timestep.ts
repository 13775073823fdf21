import type { Compute } from "./operation.js";

/** Cosines, then sines, of t f_i; f_i and t f_i are rounded to f32 as the networks were trained with. */
export const timestep: Compute<"timestep"> = ({ attrs: { width, maxPeriod }, in: { t } }) => {
  const half = width / 2;
  const y = new Float64Array(t.values.length * width);
  t.values.forEach((time, at) => {
    for (let i = 0; i < half; i++) {
      const frequency = Math.fround(Math.exp((-Math.log(maxPeriod) * i) / half));
      const angle = Math.fround(Math.fround(time) * frequency);
      y[at * width + i] = Math.cos(angle);
      y[at * width + half + i] = Math.sin(angle);
    }
  });
  return { y };
};
