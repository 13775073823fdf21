import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type AxisOrder, blockNeighbours, hilbertCurve, invertOrder } from "../src/index.js";
import { type CurveEntry, missing, readJson, readTables } from "./golden.js";

const sha256 = (table: Int32Array | Uint8Array) =>
  createHash("sha256")
    .update(new Uint8Array(table.buffer, table.byteOffset, table.byteLength))
    .digest("hex");

interface ModelGrid {
  readonly name: string;
  readonly grid_thw: [number, number, number];
  readonly axis_order: string;
  readonly blocks: number;
  readonly sha256_linear_to_curve_i32le: string;
  readonly sha256_curve_to_linear_i32le: string;
  readonly sha256_neighbors_u8: string;
  readonly neighbor_pairs: number;
  readonly linear_to_curve_samples: Record<string, number>;
}

describe("golden curves", () => {
  it("has the tables and neighbours of curve.safetensors", (ctx) => {
    if (missing("curve.safetensors", ctx)) return;
    const { metadata, tensor } = readTables("curve.safetensors");
    const entries: CurveEntry[] = JSON.parse(metadata.entries);
    expect(entries.length).toBeGreaterThan(0);
    for (const { key, grid_thw, axis_order, block_sizes } of entries) {
      const curve = hilbertCurve(grid_thw, axis_order.split("") as unknown as AxisOrder);
      expect(curve, key).toEqual(tensor(`${key}.curve_to_linear`));
      expect(invertOrder(curve), key).toEqual(tensor(`${key}.linear_to_curve`));
      for (const size of block_sizes)
        expect(blockNeighbours(curve, grid_thw, size), key).toEqual(tensor(`${key}.neighbors${size}`));
    }
  });

  it("has the hashes of curve_model_grids.json", (ctx) => {
    if (missing("curve_model_grids.json", ctx)) return;
    for (const grid of readJson<ModelGrid[]>("curve_model_grids.json")) {
      const curve = hilbertCurve(grid.grid_thw, grid.axis_order.split("") as unknown as AxisOrder);
      const inverse = invertOrder(curve);
      for (const [cell, position] of Object.entries(grid.linear_to_curve_samples))
        expect(inverse[Number(cell)], `${grid.name} cell ${cell}`).toBe(position);
      expect(sha256(curve), grid.name).toBe(grid.sha256_curve_to_linear_i32le);
      expect(sha256(inverse), grid.name).toBe(grid.sha256_linear_to_curve_i32le);
      const neighbours = blockNeighbours(curve, grid.grid_thw, 128);
      expect(neighbours.reduce((sum, x) => sum + x, 0)).toBe(grid.neighbor_pairs);
      expect(sha256(neighbours), grid.name).toBe(grid.sha256_neighbors_u8);
    }
  });
});
