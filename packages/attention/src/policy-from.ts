import { coverMass, firstFrame, neighbours, type Policy, topBlocks, union } from "./policy.js";

/** The rates and switches that people set, on command lines and in presets. */
export interface PolicyRates {
  /** Share of blocks to skip; one, or one per head. Default 0.8, or none where `coverMass` alone is given. */
  readonly dropRate?: number | readonly number[];
  /** Probability mass to cover at least; 0 or absent: a fixed number of blocks. */
  readonly coverMass?: number | readonly number[];
  readonly neighbours?: boolean;
  readonly firstFrame?: "sink" | "dense" | false;
}

/**
 * The policy that rates and switches describe together.
 *
 * @throws RangeError that names the rate.
 */
export function policyFrom(rates: PolicyRates): Policy {
  const {
    coverMass: mass,
    dropRate = mass === undefined ? 0.8 : undefined,
    neighbours: near,
    firstFrame: first,
  } = rates;
  const parts: Policy[] = [];
  if (dropRate !== undefined) parts.push(topBlocks({ dropRate }));
  if (mass !== undefined && mass !== 0) parts.push(coverMass(mass));
  if (near) parts.push(neighbours());
  if (first) parts.push(firstFrame(first));
  return parts.length === 1 ? parts[0] : union(...parts);
}
