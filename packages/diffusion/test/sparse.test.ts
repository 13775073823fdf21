import { reference } from "@spaattn/reference";
import { directoryFolder } from "@spaattn/weights/node";
import { expect, it } from "vitest";
import { type GenerateOptions, type SparseOptions, type StepInfo, WanPipeline } from "../src/index.js";
import { golden, relativeError } from "./golden.js";

const SIZE = { width: 128, height: 128, frames: 9, fps: 8, steps: 4, guidance: 1, textRows: 24, seed: 4 };

it("sparse generation is exact where nothing is dropped, close elsewhere, and says what it does", async (ctx) => {
  const folder = directoryFolder(golden(ctx, "wan_t2v"));
  const model = await WanPipeline.open(folder, { device: await reference.create() });
  const make = async (sparse: false | SparseOptions, more: Partial<GenerateOptions> = {}) => {
    const steps: Float32Array[] = [];
    let summary: string | undefined;
    // Decoding would take the oracle longer than everything else.
    const controller = new AbortController();
    const onStep = (info: StepInfo) => {
      steps.push(info.latents.slice());
      summary = info.sparse;
      if (info.step === info.steps) controller.abort();
    };
    const options = { prompt: "a red fox", ...SIZE, ...more, sparse, onStep, signal: controller.signal };
    await expect(model.generate(options)).rejects.toThrow(/cancelled/);
    return { steps, summary };
  };
  const dense = await make(false);
  expect(dense.summary).toBeUndefined();

  // 192 tokens are three blocks of 64.
  const all = await make({ blockSize: 64, dropRate: 0, denseSteps: 0, denseLayers: [] });
  expect(relativeError(all.steps[3], dense.steps[3])).toBeLessThan(1e-5);

  const some = await make({ blockSize: 64, dropRate: 0.6 });
  expect(some.summary).toBe("tail, 60 % of the blocks dropped; dense steps: 1 of 4; dense layers: 1 of 2");
  expect(some.steps[0]).toEqual(dense.steps[0]);
  const error = relativeError(some.steps[3], dense.steps[3]);
  expect(error).toBeGreaterThan(1e-6);
  // Without rectification, and with nothing but the best blocks, more is lost.
  const bare = { blockSize: 64, dropRate: 0.6, coverMass: 0, neighbours: false } as const;
  const plain = await make({ ...bare, rectify: "none" });
  expect(error).toBeLessThan(relativeError(plain.steps[3], dense.steps[3]));

  const refused = (sparse: SparseOptions) => model.generate({ prompt: "", ...SIZE, sparse });
  await expect(refused({ dropRate: 2 })).rejects.toThrow(/dropRate must be between 0 and 1, got 2/);
  await expect(refused({ denseLayers: [5] })).rejects.toThrow(/denseLayers\[0\] is 5, but this model has 2 layers/);
  await model.close();
});
