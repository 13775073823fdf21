import { resolveSpec } from "@spaattn/attention";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MatrixTiling, matrixTiling } from "../src/kernels/matrix-tiling.js";
import type { MatrixUnit } from "../src/matrix.js";

const NVIDIA: MatrixUnit = { m: 16, n: 16, k: 16, subgroup: 32 };
const APPLE: MatrixUnit = { m: 8, n: 8, k: 8, subgroup: 32 };
const LAVAPIPE: MatrixUnit = { m: 8, n: 8, k: 8, subgroup: 8 };
const ROOMY = { maxComputeWorkgroupStorageSize: 49_152, maxComputeInvocationsPerWorkgroup: 1024 };
const DEFAULT = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 };

function tiling(headDim: number, blockSize: 64 | 128, unit: MatrixUnit, limits = ROOMY): MatrixTiling | string {
  const { geometry } = resolveSpec({ heads: 1, headDim, visualTokens: 1024, blockSize, dtype: "f16" });
  const shape = { geometry, rows: "f16", dense: false, rectify: "none", lse: false } as const;
  return matrixTiling(shape, unit, limits);
}

describe("how subgroup matrices cut their work", () => {
  it("takes wide tiles where memory allows, and small ones with the default limits", () => {
    expect(tiling(128, 128, NVIDIA)).toMatchObject({ rows: 128, subgroups: 8, keys: 32, perRow: 2, threads: 256 });
    expect(tiling(128, 64, NVIDIA)).toMatchObject({ rows: 64, subgroups: 4 });
    expect(tiling(64, 128, NVIDIA, DEFAULT)).toMatchObject({ rows: 64, keys: 16 });
    const apple = { ...ROOMY, maxComputeWorkgroupStorageSize: 32_768 };
    expect(tiling(128, 128, APPLE, apple)).toMatchObject({ rows: 64, subgroups: 8, perRow: 4, keys: 32 });
  });

  it("says why there is no tiling", () => {
    expect(tiling(40, 128, NVIDIA)).toBe("headDim 40 is no multiple of their 16");
    expect(tiling(128, 128, NVIDIA, DEFAULT)).toMatch(/do not fit 16384 bytes of workgroup memory/);
  });

  it("never overlaps its parts of workgroup memory, nor exceeds the limits", () => {
    const units = fc.constantFrom(NVIDIA, APPLE, LAVAPIPE);
    const limits = fc.record({
      maxComputeWorkgroupStorageSize: fc.integer({ min: 16_384, max: 65_536 }),
      maxComputeInvocationsPerWorkgroup: fc.constantFrom(256, 512, 1024),
    });
    const dims = fc.integer({ min: 1, max: 16 }).map((n) => 8 * n);
    fc.assert(
      fc.property(dims, fc.constantFrom(64 as const, 128 as const), units, limits, (headDim, blockSize, unit, most) => {
        const t = tiling(headDim, blockSize, unit, most);
        fc.pre(typeof t !== "string");
        expect(blockSize % t.rows).toBe(0);
        expect(t.subgroups * t.subgroupRows).toBe(t.rows);
        expect(t.perRow * t.subgroupRows).toBe(unit.subgroup);
        expect(t.keysEach * t.perRow).toBe(t.keys);
        expect([headDim % unit.k, headDim % unit.n, headDim % t.keys]).toEqual([0, 0, 0]);
        expect([t.keys % unit.n, t.keys % unit.k, t.keysEach % 8]).toEqual([0, 0, 0]);
        // Keys, values, scores, weights, in this order, each with its padded rows.
        expect(t.rowStride).toBeGreaterThan(headDim / 8);
        expect(t.scoresAt).toBeGreaterThanOrEqual(t.valuesAt + t.keys * t.rowStride);
        expect(t.weightsAt).toBeGreaterThanOrEqual(t.scoresAt + t.rows * t.scoreStride);
        expect(t.pool).toBeGreaterThanOrEqual(t.weightsAt + t.rows * t.weightStride);
        expect(16 * t.pool).toBeLessThan(most.maxComputeWorkgroupStorageSize);
        expect(t.threads).toBeLessThanOrEqual(most.maxComputeInvocationsPerWorkgroup);
      }),
    );
  });
});
