import { cpu } from "@spaattn/backend-cpu";
import type { HostTensor } from "@spaattn/core";
import { afterAll, describe, expect, it } from "vitest";
import { attentionRow, buildInputs, type LabInputs, MODES, ROW_EXTRAS, runMode, trueBlockMass } from "../src/index.js";
import { movingSquare } from "./clips.js";
import { randomInputs } from "./random-inputs.js";

const backend = await cpu.create();
afterAll(() => backend.dispose());

/** `[headDim]`: the values weighted by a row of attention. */
function weighted(weights: Float32Array, value: HostTensor, head: number): Float64Array {
  const [, , tokens, headDim] = value.shape;
  const sum = new Float64Array(headDim);
  for (let token = 0; token < tokens; token++)
    for (let i = 0; i < headDim; i++) sum[i] += weights[token] * value.data[(head * tokens + token) * headDim + i];
  return sum;
}

const cases: [string, LabInputs][] = [
  ["a capture with text", randomInputs()],
  ["a capture without text", randomInputs(0)],
  ["a clip", buildInputs(movingSquare(8, 48, 48), { heads: 2, maxTokens: 400, blockSize: 64 })],
];

describe.each(cases)("attention rows of %s", (_, inputs) => {
  it.each(MODES)("explain the output of mode %s", async (mode) => {
    const run = await runMode(backend, inputs, mode, 0.6, { extras: ROW_EXTRAS[mode], tail: { group: 2 } });
    const { visualTokens, headDim } = inputs.spec;
    const tokens = run.output.shape[2];
    for (const [head, position] of [
      [0, 0],
      [1, 70],
      [0, visualTokens - 1],
    ]) {
      const weights = attentionRow(run, inputs, head, position);
      expect(weights.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 4);
      expect(Math.min(...weights)).toBeGreaterThanOrEqual(0);
      // Whatever a mode does to skipped blocks, the weights it is shown with must give its output.
      const start = (head * tokens + position) * headDim;
      weighted(weights, inputs.value, head).forEach((x, i) => {
        expect(Math.abs(x - run.output.data[start + i])).toBeLessThan(2e-5);
      });
    }
  });

  it("refuses a text token", async () => {
    const run = await runMode(backend, inputs, "dense", 0);
    expect(() => attentionRow(run, inputs, 0, inputs.spec.visualTokens)).toThrow(/position must be a visual token/);
  });

  it("average to the true block mass", async () => {
    const run = await runMode(backend, inputs, "dense", 0);
    const mass = await trueBlockMass(backend, inputs);
    const { visualTokens, textTokens = 0 } = inputs.spec;
    expect(mass.columns).toBe(mass.blocks + (textTokens > 0 ? 1 : 0));
    for (const [head, block] of [
      [0, 0],
      [1, mass.blocks - 1],
    ]) {
      const expected = new Float64Array(mass.columns);
      const [from, to] = [block * 64, Math.min(visualTokens, block * 64 + 64)];
      for (let position = from; position < to; position++)
        attentionRow(run, inputs, head, position).forEach((weight, token) => {
          expected[token < visualTokens ? Math.floor(token / 64) : mass.blocks] += weight / (to - from);
        });
      const start = (head * mass.blocks + block) * mass.columns;
      for (let j = 0; j < mass.columns; j++) expect(mass.data[start + j]).toBeCloseTo(expected[j], 5);
    }
  });
});
