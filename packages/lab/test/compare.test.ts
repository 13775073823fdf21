import { cpu } from "@spaattn/backend-cpu";
import type { Backend } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  attentionRow,
  buildInputs,
  compare,
  errorCurve,
  MODES,
  type Mode,
  ROW_EXTRAS,
  runMode,
  trueBlockMass,
} from "../src/index.js";
import { movingSquare } from "./clips.js";

const inputs = buildInputs(movingSquare(8, 48, 64), { heads: 4, maxTokens: 900, blockSize: 64 });
let backend: Backend;
beforeAll(async () => {
  backend = await cpu.create();
});
afterAll(() => backend.dispose());

describe("compare", () => {
  it("measures every mode at every rate against dense", async () => {
    const progress: number[] = [];
    const { rows, runs, headQuality } = await compare(backend, inputs, {
      dropRates: [0.6, 0.9],
      onProgress: (done) => progress.push(done),
    });
    expect(rows.map(({ mode, dropRate }) => `${mode} ${dropRate}`)).toEqual([
      "dense 0",
      "none 0.6",
      "paper 0.6",
      "tail 0.6",
      "none 0.9",
      "paper 0.9",
      "tail 0.9",
    ]);
    expect(rows[0]).toMatchObject({ density: 1, relL2: 0, psnr: null, speedup: 1, worstHeads: [] });
    expect([runs.length, headQuality[0].length]).toEqual([6, 4]);
    const errors = rows.map(({ relL2 }) => relL2);
    // What a reader of the table relies on: fewer blocks cost accuracy, and tail repairs most of it.
    for (const mode of [1, 2, 3]) expect(errors[mode]).toBeLessThan(errors[mode + 3]);
    expect(errors[3]).toBeLessThan(errors[1] / 2);
    expect(rows[3].worstHeads[0].relL2).toBe(Math.max(...headQuality[2].map(({ relL2 }) => relL2)));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
  });

  it("stops when told to", async () => {
    const stop = new AbortController();
    const running = compare(backend, inputs, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(running).rejects.toMatchObject({ code: "Aborted" });
  });
});

describe("errorCurve", () => {
  it("gives one point per mode and rate, at the density that was computed", async () => {
    const dense = await runMode(backend, inputs, "dense", 0);
    const points = await errorCurve(backend, inputs, dense, { modes: ["tail"], dropRates: [0.5, 0.8] });
    const n = Math.ceil(inputs.spec.visualTokens / 64);
    expect(points.map(({ density }) => Math.round(density * n))).toEqual([
      Math.floor(n * 0.5),
      Math.floor(n * 0.2 + 1e-9),
    ]);
    expect(points[0].relL2).toBeLessThan(points[1].relL2);
  });
});

describe("trueBlockMass", () => {
  it("is the dense attention of each block's tokens, added up", async () => {
    const mass = await trueBlockMass(backend, inputs);
    const dense = await runMode(backend, inputs, "dense", 0);
    const block = 3;
    const expected = new Float64Array(mass.columns);
    for (let position = block * 64; position < (block + 1) * 64; position++)
      attentionRow(dense, inputs, 1, position).forEach(
        (weight, token) => void (expected[Math.floor(token / 64)] += weight / 64),
      );
    const start = (mass.blocks + block) * mass.columns;
    for (let j = 0; j < mass.columns; j++) expect(mass.data[start + j]).toBeCloseTo(expected[j], 5);
  });
});

describe("attentionRow", () => {
  it.each(MODES)("explains the output of %s: weights times values are the row", async (mode: Mode) => {
    for (const group of ["all", 4] as const) {
      const run = await runMode(backend, inputs, mode, 0.7, { extras: ROW_EXTRAS[mode], tail: { group } });
      const { headDim, visualTokens } = inputs.spec;
      for (const [head, position] of [
        [0, 5],
        [3, visualTokens - 1],
      ]) {
        const weights = attentionRow(run, inputs, head, position);
        expect(weights.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5);
        for (let c = 0; c < headDim; c += 7) {
          let sum = 0;
          for (let token = 0; token < visualTokens; token++)
            sum += weights[token] * (inputs.value.data as Float32Array)[(head * visualTokens + token) * headDim + c];
          const output = (run.output.data as Float32Array)[(head * visualTokens + position) * headDim + c];
          expect(sum).toBeCloseTo(output, 4);
        }
      }
    }
  });

  it("refuses a token that is not there", async () => {
    const run = await runMode(backend, inputs, "dense", 0);
    expect(() => attentionRow(run, inputs, 0, 100_000)).toThrow(/position must be a visual token/);
  });
});
