import type { EmbedAttrs, TimestepAttrs } from "@spaattn/nn";
import { embedKernel } from "../kernels/embed.js";
import { timestepKernel } from "../kernels/timestep.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { mapLanes } from "../wgsl/map.js";

export function lowerEmbed(lowering: OperationLowering<EmbedAttrs>): void {
  const [, width] = lowering.shape("table");
  const target = lowering.target("y", lowering.vec(width, "table", "y"));
  const four = mapLanes(target) === 4;
  const kernel = embedKernel(lowering.storage("table", four), target);
  lowering.chose(kernel.name, "an invocation per vector, number or word");
  lowering.map(kernel, target, "y", { ids: "ids", table: "table" }, { lanes: four ? width / 4 : width });
}

export function lowerTimestep(lowering: OperationLowering<TimestepAttrs>): void {
  const { width, maxPeriod } = lowering.attrs;
  const half = width / 2;
  // Made here, in double precision: an error of a frequency is multiplied by the time.
  const frequencies = lowering.table(
    "frequencies",
    Float32Array.from({ length: half }, (_, i) => Math.exp((-Math.log(maxPeriod) * i) / half)),
  );
  const target = lowering.target("y", false);
  const kernel = timestepKernel(target);
  lowering.chose(kernel.name, "frequencies from a table, sines with their own reduction to a quarter turn");
  lowering.map(kernel, target, "y", { t: "t", frequencies }, { half });
}
