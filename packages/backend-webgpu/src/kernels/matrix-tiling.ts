import type { MatrixUnit } from "../matrix.js";
import type { AttendShape } from "./attend-common.js";

/** How the subgroup-matrix kernel cuts its work. Sizes and places in workgroup memory count `vec4u`, 16 bytes. */
export interface MatrixTiling {
  readonly unit: MatrixUnit;
  /** Query rows of a workgroup, and of one of its subgroups. */
  readonly rows: number;
  readonly subgroupRows: number;
  readonly subgroups: number;
  readonly threads: number;
  /** Keys of a step. */
  readonly keys: number;
  /** Invocations that share a row of scores, and the keys of the row that each of them has. */
  readonly perRow: number;
  readonly keysEach: number;
  /** From row to row: of queries, keys and values; of scores; of weights. Odd, so that rows lie in different banks. */
  readonly rowStride: number;
  readonly scoreStride: number;
  readonly weightStride: number;
  readonly valuesAt: number;
  readonly scoresAt: number;
  readonly weightsAt: number;
  readonly pool: number;
}

const BYTES = 16;

interface Choice {
  readonly rows: number;
  /** Matrices on top of each other in a subgroup. */
  readonly tiles: number;
  readonly keys: number;
  readonly minHeadDim?: number;
}

/** What the tiling is chosen from; the fastest first, as measured on an H200. */
const CHOICES: readonly Choice[] = [
  // Worth its memory only where rows are long: with d = 64 it was 5 % slower than the next.
  { rows: 128, tiles: 1, keys: 32, minHeadDim: 96 },
  { rows: 64, tiles: 1, keys: 32 },
  { rows: 64, tiles: 1, keys: 16 },
  { rows: 64, tiles: 1, keys: 8 },
];

/** The first choice that fits the shape and the device's limits, or why there is none. */
export function matrixTiling(
  { geometry }: AttendShape,
  unit: MatrixUnit,
  limits: Pick<GPUSupportedLimits, "maxComputeWorkgroupStorageSize" | "maxComputeInvocationsPerWorkgroup">,
): MatrixTiling | string {
  const { headDim, blockSize } = geometry;
  if (headDim % unit.k !== 0 || headDim % unit.n !== 0)
    return `headDim ${headDim} is no multiple of their ${Math.max(unit.k, unit.n)}`;
  const choices = CHOICES.filter(({ minHeadDim = 0 }) => headDim >= minHeadDim);
  const fitting = choices
    .map((choice) => layOut(choice, unit, headDim))
    .filter(
      ({ rows, keys, keysEach, subgroupRows }) =>
        blockSize % rows === 0 &&
        subgroupRows <= unit.subgroup &&
        unit.subgroup % subgroupRows === 0 &&
        headDim % keys === 0 &&
        keys % unit.n === 0 &&
        keys % unit.k === 0 &&
        keysEach % 8 === 0,
    );
  if (fitting.length === 0) return `no tiling fits headDim ${headDim} and blocks of ${blockSize}`;
  const { maxComputeWorkgroupStorageSize: memory, maxComputeInvocationsPerWorkgroup: invocations } = limits;
  const chosen = fitting.find(
    // Beside the pool there are a step's masks, and the flag that asks for a new scale.
    ({ pool, keys, threads }) => pool * BYTES + keys * 4 + BYTES <= memory && threads <= invocations,
  );
  return chosen ?? `their tiles do not fit ${memory} bytes of workgroup memory and ${invocations} invocations`;
}

function layOut(choice: Choice, unit: MatrixUnit, headDim: number): MatrixTiling {
  const { rows, tiles, keys } = choice;
  const subgroupRows = tiles * unit.m;
  const subgroups = rows / subgroupRows;
  const perRow = unit.subgroup / subgroupRows;
  const rowStride = headDim / 8 + 1;
  const scoreStride = keys / 4 + 1;
  const weightStride = keys / 8 + 1;
  const valuesAt = keys * rowStride;
  const scoresAt = 2 * valuesAt;
  const weightsAt = scoresAt + rows * scoreStride;
  // Queries pass through the same memory before the first step.
  const pool = Math.max(weightsAt + rows * weightStride, rows * rowStride);
  return {
    unit,
    rows,
    subgroupRows,
    subgroups,
    threads: subgroups * unit.subgroup,
    keys,
    perRow,
    keysEach: keys / perRow,
    rowStride,
    scoreStride,
    weightStride,
    valuesAt,
    scoresAt,
    weightsAt,
    pool,
  };
}
