import { byteSize } from "@spaattn/core";
import type { EmbedAttrs, TimestepAttrs } from "@spaattn/nn";
import { embedKernel } from "../kernels/embed.js";
import { timestepKernel } from "../kernels/timestep.js";
import { ALIGNMENT } from "../network/binding.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { mapLanes } from "../wgsl/map.js";

export function lowerEmbed(lowering: OperationLowering<EmbedAttrs>): void {
  const { shape, dtype } = lowering.spec("table");
  const [rows, width] = shape;
  const target = lowering.target("y", lowering.vec(width, "table", "y"));
  const four = mapLanes(target) === 4;
  const limit = lowering.device.limits.maxStorageBufferBindingSize - ALIGNMENT - 4;
  const atOnce = Math.min(rows, Math.max(1, Math.floor(limit / (width * byteSize(dtype)))));
  const kernel = embedKernel(lowering.storage("table", four), target, atOnce < rows);
  lowering.chose(kernel.name, atOnce < rows ? `${atOnce} rows of the table at once` : "the whole table at once");
  for (let first = 0; first < rows; first += atOnce) {
    const count = Math.min(atOnce, rows - first);
    const table = { role: "table", first: first * width, count: count * width };
    lowering.map(kernel, target, "y", { ids: "ids", table }, { lanes: four ? width / 4 : width, first, rows: count });
  }
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
