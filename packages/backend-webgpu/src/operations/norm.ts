import type { NormAttrs } from "@spaattn/nn";
import { groupApplyKernel, groupMomentsKernel, groupStatisticsKernel } from "../kernels/group-norm.js";
import { NORM_THREADS, type NormFinish, normKernel } from "../kernels/norm.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { MAP_THREADS } from "../wgsl/map.js";
import { modulationOf, modulationValues } from "../wgsl/modulate.js";

/** Lanes of a row that an invocation keeps in registers, at most. */
const MOST_KEPT = 8;
/** Numbers that one workgroup of a group norm goes through, about. */
const CHUNK = 16_384;

export function lowerNorm(lowering: OperationLowering<NormAttrs>): void {
  const { kind, eps, activation } = lowering.attrs;
  const shape = lowering.shape("x");
  const width = shape[shape.length - 1];
  const rows = lowering.count("x") / width;
  const four = lowering.vec(width, "x", "y", "weight", "bias", "shift", "scale");
  const target = lowering.result("y", four);
  const finish: NormFinish = {
    four,
    x: lowering.storage("x", four),
    output: target.storage,
    weight: lowering.optional("weight", four),
    bias: lowering.optional("bias", four),
    shift: modulationOf(lowering, "shift", four),
    scale: modulationOf(lowering, "scale", four),
    activation,
  };
  const lanes = four ? width / 4 : width;
  const params = {
    rows,
    lanes,
    width,
    eps,
    root: Math.sqrt(width),
    ...modulationValues(lowering, shape, ["shift", "scale"]),
  };
  const roles = ["x", "weight", "bias", "shift", "scale", "index"];
  const bind = { ...Object.fromEntries(roles.map((role) => [role, role])), y: target.bind };
  if (kind === "group") emitGroups(lowering, finish, bind, params);
  else {
    const threads = lanes <= 32 ? 16 : lanes <= 256 ? 64 : 256;
    const each = Math.ceil(lanes / threads);
    const kernel = normKernel({ ...finish, kind, threads, kept: each <= MOST_KEPT ? each : 0 });
    lowering.chose(
      kernel.name,
      `${threads} invocations a row, ${each} lanes each${each <= MOST_KEPT ? " in registers" : ""}`,
    );
    const groups = Math.ceil(rows / (NORM_THREADS / threads));
    const wide = Math.min(groups, 32_768);
    lowering.emit(kernel, {
      bind,
      params: { ...params, wide },
      grid: [wide, Math.ceil(groups / wide)],
      flops: 8 * rows * width,
    });
  }
  target.finish();
}

function emitGroups(
  lowering: OperationLowering<NormAttrs>,
  finish: NormFinish,
  bind: Readonly<Record<string, string>>,
  params: Readonly<Record<string, number>>,
): void {
  const groups = lowering.attrs.groups as number;
  const [batch] = lowering.shape("x");
  const { width, eps, rows } = params;
  const positions = rows / batch;
  const group = width / groups;
  const chunks = Math.max(1, Math.min(256, Math.ceil((positions * group) / CHUNK)));
  const chunk = Math.ceil(positions / chunks);
  const used = Math.ceil(positions / chunk);
  const moments = lowering.need("moments", 12 * batch * groups * used);
  const statistics = lowering.need("statistics", 8 * batch * groups);
  lowering.chose("norm.group", `${used} chunks of ${chunk} positions, their moments put together`);
  lowering.emit(groupMomentsKernel(lowering.storage("x", false)), {
    bind: { x: "x", moments },
    params: { positions, width, group, groups, chunk, chunks: used },
    grid: [used, groups, batch],
    flops: 5 * rows * width,
  });
  lowering.emit(groupStatisticsKernel(), {
    bind: { moments, statistics },
    params: { count: batch * groups, chunks: used, eps },
    grid: [Math.ceil((batch * groups) / 64)],
  });
  lowering.flat(groupApplyKernel(finish), rows * params.lanes, MAP_THREADS, {
    bind: { ...bind, statistics },
    params: { ...params, group, groups },
  });
}
