/** Which transformer takes a step of a model with two: the one for high noise until the boundary. */
export const expertAt = (timestep: number, boundaryRatio: number): "transformer" | "transformer_2" =>
  timestep >= boundaryRatio * 1000 ? "transformer" : "transformer_2";

export interface ExpertStep {
  readonly component: "transformer" | "transformer_2";
  readonly guidance: number;
}

/** For every step of a schedule: the transformer and its guidance. */
export function expertPlan(
  timesteps: readonly number[],
  boundaryRatio: number | undefined,
  guidance: number,
  guidance2 = guidance,
): ExpertStep[] {
  return timesteps.map((timestep) => {
    const component = boundaryRatio === undefined ? "transformer" : expertAt(timestep, boundaryRatio);
    return { component, guidance: component === "transformer" ? guidance : guidance2 };
  });
}
