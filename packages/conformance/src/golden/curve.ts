import { blockNeighbours, hilbertCurve, invertOrder } from "@spaattn/layout";
import { compareExact, type Outcome } from "../check.js";
import { type GoldenFile, Metadata } from "./file.js";

interface CurveEntry {
  readonly grid_thw: readonly [number, number, number];
  readonly axis_order: string;
  readonly block_sizes: readonly number[];
  readonly key: string;
}

type Report = (tensor: string, outcome: Outcome) => void;
type Axes = readonly ["w" | "h" | "t", "w" | "h" | "t", "w" | "h" | "t"];

/** Checks every table of an `rsa-curve/1` file (docs/method.md#curve). */
export function checkCurves(file: GoldenFile, report: Report): void {
  const meta = new Metadata(file);
  for (const { grid_thw: grid, axis_order, block_sizes, key } of meta.json<CurveEntry[]>("entries")) {
    const curve = hilbertCurve(grid, [...axis_order] as unknown as Axes);
    report(`${key}.curve_to_linear`, compareExact(curve, meta.tensor(`${key}.curve_to_linear`).data));
    report(`${key}.linear_to_curve`, compareExact(invertOrder(curve), meta.tensor(`${key}.linear_to_curve`).data));
    for (const size of block_sizes) {
      const expected = meta.tensor(`${key}.neighbors${size}`);
      report(
        `${key}.neighbors${size}`,
        compareExact(blockNeighbours(curve, grid, size), expected.data, expected.shape),
      );
    }
  }
}

/** One entry of `curve_model_grids.json`: hashes of tables too large to store. */
export interface ModelGrid {
  readonly name: string;
  readonly grid_thw: readonly [number, number, number];
  readonly axis_order: string;
  readonly tokens: number;
  readonly blocks: number;
  readonly sha256_linear_to_curve_i32le: string;
  readonly sha256_curve_to_linear_i32le: string;
  readonly sha256_neighbors_u8: string;
  readonly neighbor_pairs: number;
  readonly linear_to_curve_samples: Readonly<Record<string, number>>;
}

/** Checks full model grids against their hashes. */
export async function checkModelGrids(grids: readonly ModelGrid[], report: Report): Promise<void> {
  for (const grid of grids) {
    const curve = hilbertCurve(grid.grid_thw, [...grid.axis_order] as unknown as Axes);
    const inverse = invertOrder(curve);
    const near = blockNeighbours(curve, grid.grid_thw, Math.ceil(grid.tokens / grid.blocks) <= 64 ? 64 : 128);
    report(`${grid.name}.curve_to_linear`, await sameHash(curve, grid.sha256_curve_to_linear_i32le));
    report(`${grid.name}.linear_to_curve`, await sameHash(inverse, grid.sha256_linear_to_curve_i32le));
    report(`${grid.name}.neighbors`, await sameHash(near, grid.sha256_neighbors_u8));
    report(`${grid.name}.neighbor_pairs`, compareExact([near.reduce((sum, x) => sum + x, 0)], [grid.neighbor_pairs]));
    const samples = Object.entries(grid.linear_to_curve_samples);
    const ours = samples.map(([token]) => inverse[Number(token)]);
    report(
      `${grid.name}.samples`,
      compareExact(
        ours,
        samples.map(([, position]) => position),
      ),
    );
  }
}

async function sameHash(table: Int32Array | Uint8Array, expected: string): Promise<Outcome> {
  const digest = await crypto.subtle.digest("SHA-256", table.slice().buffer as ArrayBuffer);
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    ok: hex === expected,
    maxError: hex === expected ? 0 : 1,
    tolerance: 0,
    ...(hex === expected ? {} : { note: `SHA-256 is ${hex}` }),
  };
}
