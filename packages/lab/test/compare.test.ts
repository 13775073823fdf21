import { cpu } from "@spaattn/backend-cpu";
import { afterAll, describe, expect, it } from "vitest";
import { buildInputs, compare, compareRow, errorCurve, runMode } from "../src/index.js";
import { movingSquare } from "./clips.js";
import { randomInputs } from "./random-inputs.js";

const backend = await cpu.create();
afterAll(() => backend.dispose());
const inputs = buildInputs(movingSquare(10, 64, 64), { heads: 4, maxTokens: 700, blockSize: 64 });

describe("compare", () => {
  it("gives a dense line and one per mode and drop rate", async () => {
    const progress: number[] = [];
    const options = { dropRates: [0.9, 0.7], onProgress: (done: number) => void progress.push(done) };
    const { rows, runs, headQuality, dense } = await compare(backend, inputs, options);
    expect(rows.map(({ mode, dropRate }) => `${mode} ${dropRate}`)).toEqual([
      "dense 0",
      "none 0.9",
      "paper 0.9",
      "tail 0.9",
      "none 0.7",
      "paper 0.7",
      "tail 0.7",
    ]);
    expect(rows[0]).toMatchObject({
      state: "equal",
      density: 1,
      relL2: 0,
      psnr: null,
      speedup: 1,
      estimationShare: 0,
      worstHeads: [],
    });
    const blocks = Math.ceil(inputs.spec.visualTokens / 64);
    for (const [i, row] of rows.slice(1).entries()) {
      const kept = Math.max(1, Math.trunc(Math.round((1 - row.dropRate) * blocks * 1e9) / 1e9));
      expect(row.density).toBeCloseTo(kept / blocks, 12);
      expect(row.relL2).toBeGreaterThan(0);
      expect(row.state).toBe("differs");
      for (const [middle, [least, most]] of [
        [row.ms, row.msRange],
        [row.speedup, row.speedupRange],
      ] as const) {
        expect(middle).toBeGreaterThanOrEqual(least);
        expect(middle).toBeLessThanOrEqual(most);
        expect(least).toBeGreaterThan(0);
      }
      expect(row.estimationShare).toBeGreaterThan(0);
      expect(row.estimationShare).toBeLessThan(1);
      expect(Object.values(row.stages).reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 10);
      const worst = row.worstHeads.map(({ relL2 }) => relL2);
      expect(worst).toEqual([...headQuality[i].map(({ relL2 }) => relL2)].sort((a, b) => b - a).slice(0, 3));
      expect(row.worstHeads[0].label).toBe(inputs.heads[row.worstHeads[0].head]);
      const {
        ms: _1,
        msRange: _2,
        speedup: _3,
        speedupRange: _4,
        stages: _5,
        estimationShare: _6,
        ...again
      } = compareRow(runs[i], dense, inputs).row;
      expect(row).toMatchObject(again);
    }
    // At equal density the tail loses least, and more blocks lose less.
    const error = (mode: string, dropRate: number) =>
      rows.find((row) => row.mode === mode && row.dropRate === dropRate)!.relL2;
    for (const rate of [0.9, 0.7])
      expect(error("tail", rate)).toBeLessThan(0.5 * Math.min(error("none", rate), error("paper", rate)));
    for (const mode of ["none", "paper", "tail"]) expect(error(mode, 0.7)).toBeLessThan(error(mode, 0.9));
    expect([runs.length, headQuality.length, headQuality[0].length]).toEqual([6, 6, 4]);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it("finds no error where every block is computed", async () => {
    const { rows } = await compare(backend, randomInputs(), { dropRates: [0] });
    for (const { density, relL2, cosine } of rows) {
      expect(density).toBeCloseTo(1, 12);
      expect(relL2).toBeLessThan(1e-6);
      expect(cosine).toBeCloseTo(1, 6);
    }
  });

  it("selects by mass, neighbours and first frame on request", async () => {
    const density = async (options: object) =>
      (await compare(backend, inputs, { modes: ["tail"], dropRates: [0.95], ...options })).rows[1].density;
    const plain = await density({});
    expect(await density({ coverMass: 0.9 })).toBeGreaterThan(plain);
    expect(await density({ neighbours: true })).toBeGreaterThan(plain);
    expect(await density({ firstFrame: "sink" })).toBeGreaterThan(plain);
  });

  it("stops when it is told to", async () => {
    const controller = new AbortController();
    const seen = new Set<string>();
    const onProgress = (_: number, what: string) => {
      seen.add(what);
      if (what.startsWith("none")) controller.abort();
    };
    const running = compare(backend, inputs, { signal: controller.signal, onProgress });
    await expect(running).rejects.toMatchObject({ code: "Aborted" });
    expect([...seen]).toEqual(["dense", "none at 80 % dropped"]);
    const dense = await runMode(backend, inputs, "dense", 0);
    await expect(errorCurve(backend, inputs, dense, { signal: controller.signal })).rejects.toMatchObject({
      code: "Aborted",
    });
  });
});

it("errorCurve measures each point as compare does", async () => {
  const dense = await runMode(backend, inputs, "dense", 0);
  const seen: unknown[] = [];
  const points = await errorCurve(backend, inputs, dense, {
    modes: ["none", "tail"],
    dropRates: [0.9, 0.5],
    onPoint: (p) => seen.push(p),
  });
  expect(points.map(({ mode, dropRate }) => [mode, dropRate])).toEqual([
    ["none", 0.9],
    ["tail", 0.9],
    ["none", 0.5],
    ["tail", 0.5],
  ]);
  expect(seen).toEqual(points);
  const { rows } = await compare(backend, inputs, { modes: ["none", "tail"], dropRates: [0.9, 0.5] });
  points.forEach((point, i) => {
    expect(rows[i + 1]).toMatchObject(point);
  });
});
