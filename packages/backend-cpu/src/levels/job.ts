import * as L from "../job-layout.js";
import { makeParameters, type Parameters, writeJob } from "../parameters.js";
import * as V from "./job-layout.js";
import type { LevelsParameters } from "./parameters.js";

/** The fields every attention job has. */
export const baseParameters = ({ geometry, dtype, outputDtype }: LevelsParameters): Parameters =>
  makeParameters(geometry, [], dtype, outputDtype);

/** Writes the fields of one head's job that are no pointers. */
export function writeLevelsJob(
  view: DataView,
  base: Parameters,
  p: LevelsParameters,
  item: number,
  head: number,
): void {
  writeJob(view, base, item, head, 0, 1);
  const int = (field: number, value: number) => view.setInt32(field, value, true);
  const float = (field: number, value: number) => view.setFloat32(field, Math.min(value, 3e38), true);
  int(L.STRIDE, p.geometry.blocks);
  int(L.POWER_STEPS, p.steps);
  float(L.H_MAX, p.hMax);
  float(L.TAU_MAX, p.tauMax);
  float(L.M_MIN, p.mMin);
  int(V.DEPTH, p.depth);
  int(V.PARTS, Math.max(1, p.probes));
  int(V.PROBES_OFF, p.probes === 0 ? 1 : 0);
  int(V.CLUSTERS_WANTED, p.clusters);
  float(V.GAMMA, p.gamma);
}
