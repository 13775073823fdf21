import type { Launch } from "../device.js";
import type { Handle, TensorMapShape } from "../driver/driver.js";
import { type Chip, ceilDivide, type Operand } from "../network/call.js";
import { Params } from "../params.js";
import { type Epilogue, writeEpilogue } from "./epilogue.js";

/** y [m, n] = x [m, k] w [n, k]ᵀ and what follows; `w2` for gated pairs. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly x: Operand;
  readonly w: Operand;
  readonly w2: Operand | undefined;
  readonly epilogue: Epilogue;
}

/** Columns of a tile; it has 128 rows. */
export type HopperTile = "256" | "128";
const STAGES = { "256": 4, "128": 6 } as const;
const CORNERS = 8 * 2560;

/** Wide tiles where they fill the chip; gated pairs need them. */
export function hopperTile(chip: Chip, m: number, n: number, paired: boolean): HopperTile {
  const wide = ceilDivide(m, 128) * ceilDivide(n, paired ? 128 : 256);
  return !paired && wide < chip.multiprocessors * 0.7 ? "128" : "256";
}

/** How many tiles of rows take turns over the columns together; 8 suits the L2 of Hopper. */
const GROUP = 8;

export function hopperLaunch(chip: Chip, product: Product, tile: HopperTile): Launch {
  const { group = GROUP } = chip;
  const { m, n, k, x, w, w2, epilogue } = product;
  const columns = Number(tile);
  const tilesM = ceilDivide(m, 128);
  const tilesN = ceilDivide(n, w2 ? columns / 2 : columns);
  const stages = STAGES[tile];
  const map = (pointer: Handle, rows: number): TensorMapShape => ({
    dtype: x.dtype as "f16" | "bf16",
    address: pointer,
    x: k,
    y: rows,
    z: 1,
  });
  const params = new Params().longs(m).ints(k, tilesM, tilesN, group);
  return {
    module: "gemm-sm90",
    kernel: `gemm90_${x.dtype}_${tile}`,
    grid: [Math.min(tilesM * tilesN, chip.multiprocessors)],
    threads: 384,
    sharedBytes: stages * (1 + columns / 128) * 16384 + stages * 16 + CORNERS,
    parameters: [
      map(x.pointer, m),
      map(w.pointer, n),
      map((w2 ?? w).pointer, n),
      writeEpilogue(params, epilogue).bytes(),
    ],
  };
}

/** Columns of a tile of the mma.sync kernel; half of them belong to each weight of a gated pair. */
export function generalGrid(params: Params, m: number, n: number, paired: boolean): readonly [number] {
  const tilesM = ceilDivide(m, 128);
  const tilesN = ceilDivide(n, paired ? 64 : 128);
  params.ints(tilesM, tilesN, 8, 0);
  return [tilesM * tilesN];
}
export const GENERAL_SHARED_BYTES = 4 * 2 * 128 * 32 * 2;

/** `vector`: rows of x and w are whole 16-byte pieces. */
export function generalLaunch(product: Product, vector: boolean): Launch {
  const { m, n, k, x, w, w2, epilogue } = product;
  const params = new Params().pointers(x.pointer).longs(m).ints(k, 0).pointers(w.pointer, w2?.pointer);
  const grid = generalGrid(params, m, n, w2 !== undefined);
  return {
    module: "gemm-sm80",
    kernel: `gemm80_${x.dtype}${vector ? "" : "_any"}`,
    grid,
    threads: 256,
    sharedBytes: GENERAL_SHARED_BYTES,
    parameters: [writeEpilogue(params, epilogue).bytes()],
  };
}
