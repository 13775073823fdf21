import type { Compute } from "./operation.js";

/** Σ coefficients[i] * x{i}; a term whose coefficient is 0 does not count, whatever it holds. */
export const combine: Compute<"combine"> = ({ attrs, in: inputs }) => {
  const y = new Float64Array(inputs.x0.values.length);
  for (let term = 0; term < attrs.count; term++) {
    const coefficient = inputs.coefficients.values[term];
    const { values } = inputs[`x${term}`];
    if (coefficient !== 0) for (let i = 0; i < y.length; i++) y[i] += coefficient * values[i];
  }
  return { y };
};
