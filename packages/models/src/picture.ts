import type { GenerationPlan } from "./plan-generation.js";

const DENSE = "\u2588";
const SPARSE = "\u2591";

/**
 * The run as a picture in text: one line per stretch of layers that behave alike, one column per step; full blocks are
 * dense, light ones sparse.
 */
export function drawSchedule(plan: GenerationPlan): string[] {
  const always = new Set(plan.denseLayers);
  const denseSteps = new Set(plan.denseSteps);
  const stretches: { from: number; to: number; dense: boolean }[] = [];
  for (let layer = 0; layer < plan.layers; layer++) {
    const dense = always.has(layer) || plan.costs.sparseCalls === 0;
    const last = stretches.at(-1);
    if (last && last.dense === dense) last.to = layer;
    else stretches.push({ from: layer, to: layer, dense });
  }
  const names = stretches.map(({ from, to }) => (from === to ? `layer ${from}` : `layers ${from}-${to}`));
  const width = Math.max(...names.map((name) => name.length));
  const lines = stretches.map(({ dense }, i) => {
    const cells = Array.from({ length: plan.steps }, (_, step) => (dense || denseSteps.has(step) ? DENSE : SPARSE));
    return `${names[i].padEnd(width)} ${cells.join("")}`;
  });
  const legend = [`${"".padEnd(width)} ${DENSE} dense  ${SPARSE} sparse, one column per step`];
  if (plan.switchStep !== null)
    legend.unshift(
      `${"".padEnd(width)} ${" ".repeat(plan.switchStep)}^ second transformer from step ${plan.switchStep}`,
    );
  return [...lines, ...legend];
}
