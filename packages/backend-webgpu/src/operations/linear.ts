import { byteLength, elementCount } from "@spaattn/core";
import { type LinearAttrs, rowBytes } from "@spaattn/nn";
import type { FinishShape } from "../kernels/finish.js";
import { type LinearShape, linearKernel } from "../kernels/linear.js";
import { linearMatrix } from "../kernels/linear-matrix.js";
import { TILE_COLUMNS, tileSize } from "../kernels/matmul-tile.js";
import { ALIGNMENT } from "../network/binding.js";
import type { Part } from "../network/dispatch.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { modulationOf, modulationValues } from "../wgsl/modulate.js";
import type { WeightForm } from "../wgsl/weights.js";

/** `y = residual + gate * act(x Wᵀ + bias)`, or a gated pair: one pass, whatever the weight's type. */
export function lowerLinear(lowering: OperationLowering<LinearAttrs>): void {
  const x = lowering.shape("x");
  const k = x[x.length - 1];
  const m = elementCount(x) / k;
  const [n] = lowering.shape("weight");
  const vec = lowering.vec(n, "bias", "bias2", "gate", "residual", "y");
  const target = lowering.result("y", vec);
  const finish: FinishShape = {
    vec,
    output: target.storage,
    activation: lowering.attrs.activation,
    bias: lowering.optional("bias", vec),
    bias2: lowering.optional("bias2", vec),
    scale: scaleOf(lowering, "scale"),
    scale2: scaleOf(lowering, "scale2"),
    pair: lowering.has("weight2"),
    gate: modulationOf(lowering, "gate", vec),
    residual: lowering.optional("residual", vec),
  };
  const shape: LinearShape = {
    x: { storage: lowering.storage("x", lowering.vec(k, "x")), vec: lowering.vec(k, "x") },
    weight: weightForm(lowering, "weight", k),
    weight2: lowering.has("weight2") ? weightForm(lowering, "weight2", k) : undefined,
    finish,
  };
  emitLinear(lowering, shape, { m, n, k, y: target.bind });
  target.finish();
}

const scaleOf = (lowering: OperationLowering<LinearAttrs>, role: string) =>
  lowering.has(role) ? (lowering.shape(role)[0] === 1 ? "one" : "each") : undefined;

function weightForm(lowering: OperationLowering<LinearAttrs>, role: string, k: number): WeightForm {
  const { format } = lowering.attrs;
  if (format) return { storage: "u8", format };
  const vec = lowering.vec(k, role);
  return { storage: lowering.storage(role, vec), vec };
}

function emitLinear(
  lowering: OperationLowering<LinearAttrs>,
  shape: LinearShape,
  { m, n, k, y }: { m: number; n: number; k: number; y: string },
): void {
  const { device } = lowering;
  const { pair } = shape.finish;
  const matrix = linearMatrix(lowering, shape, k);
  const size = tileSize(m, pair ? 2 * n : n, device.limits);
  const tile =
    typeof matrix === "string"
      ? { kernel: linearKernel(shape, size), rows: 16 * size.rowsEach, columns: TILE_COLUMNS }
      : matrix;
  lowering.chose(
    tile.kernel.name,
    typeof matrix === "string"
      ? `tiles of ${tile.rows} x ${tile.columns}, ${size.rowsEach} x 8 sums each; no subgroup matrices: ${matrix}`
      : `subgroup matrices of ${matrix.unit.m} x ${matrix.unit.n} x ${matrix.unit.k}`,
  );
  const columnsAtOnce = fitting(
    lowering,
    ["weight", "weight2"],
    n,
    pair ? tile.columns / 2 : tile.columns,
    Number.POSITIVE_INFINITY,
  );
  const budget = device.maxDispatchFlops / (2 * k * Math.min(n, columnsAtOnce) * (pair ? 2 : 1));
  const rowsAtOnce = fitting(lowering, ["x", "residual", "y", y], m, tile.rows, budget);
  const perRow = (role: string) => lowering.count(role) / m;
  const perColumn = lowering.attrs.format ? rowBytes(lowering.attrs.format, k) : k;
  for (let column = 0; column < n; column += columnsAtOnce)
    for (let row = 0; row < m; row += rowsAtOnce) {
      const columns = Math.min(columnsAtOnce, n - column);
      const rows = Math.min(rowsAtOnce, m - row);
      const part = (role: string, width: number): Part => ({ role, first: row * width, count: rows * width });
      const weights = (role: string): Part => ({ role, first: column * perColumn, count: columns * perColumn });
      lowering.emit(tile.kernel, {
        bind: {
          ...Object.fromEntries(["bias", "bias2", "scale", "scale2", "gate", "index"].map((role) => [role, role])),
          x: part("x", k),
          weight: weights("weight"),
          weight2: weights("weight2"),
          ...(lowering.has("residual") ? { residual: part("residual", perRow("residual")) } : {}),
          y: part(y, n),
        },
        params: {
          m: rows,
          n,
          k,
          first_row: row,
          first_column: column,
          columns,
          ...modulationValues(lowering, lowering.shape("x"), ["gate"]),
        },
        grid: [Math.ceil((pair ? 2 * columns : columns) / tile.columns), Math.ceil(rows / tile.rows)],
        flops: 2 * rows * columns * k * (pair ? 2 : 1),
      });
    }
}

/** How many of `count` rows, in multiples of `unit`, may be bound at once in all of `roles`, within a budget. */
function fitting(
  lowering: OperationLowering<LinearAttrs>,
  roles: readonly string[],
  count: number,
  unit: number,
  budget: number,
): number {
  const { maxStorageBufferBindingSize: limit, maxComputeWorkgroupsPerDimension: groups } = lowering.device.limits;
  const perRow = roles.map((role) =>
    lowering.has(role) ? byteLength(lowering.spec(role)) / count : (lowering.scratch.get(role) ?? 0) / count,
  );
  const most = Math.floor((limit - ALIGNMENT - 4) / Math.max(...perRow));
  const rows = Math.floor(Math.min(most, Math.max(budget, unit), groups * unit) / unit) * unit;
  return Math.min(count, Math.max(unit, rows));
}
