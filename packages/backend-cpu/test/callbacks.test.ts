import { type AttentionSpec, createAttention, makeGeometry } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Enough work for threads to be woken, and for progress to be told in between.
const SPEC: AttentionSpec = { heads: 4, headDim: 64, visualTokens: 4096, dense: true };
const SHAPE = [1, 4, 4096, 64];
const wave = (phase: number) =>
  new HostTensor(
    "f32",
    SHAPE,
    Float32Array.from({ length: 4 * 4096 * 64 }, (_, i) => Math.sin(i * phase)),
  );
const io = { query: wave(0.1), key: wave(0.2), value: wave(0.3) };

const loose: unknown[] = [];
const catchLoose = (error: unknown) => void loose.push(error);
beforeAll(() => process.on("uncaughtException", catchLoose).on("unhandledRejection", catchLoose));
afterAll(() => void process.off("uncaughtException", catchLoose).off("unhandledRejection", catchLoose));

describe.each([{ threads: 1 }, { threads: 2 }, { threads: 2, sharedMemory: false }])(
  "a progress callback that fails, %j",
  (options) => {
    it.each([
      [
        "throws",
        () => {
          throw new Error("mine");
        },
      ],
      ["rejects", () => Promise.reject(new Error("mine"))],
    ])("%s: the run rejects with its error, nothing else does, and the backend goes on", async (_, onProgress) => {
      const backend = await cpu.create(options);
      const attention = await createAttention(backend, SPEC);
      const geometry = makeGeometry({ batch: 1, heads: 4, headDim: 64, visualTokens: 4096, blockSize: 128 });
      await expect(attention.run(io, { onProgress })).rejects.toThrow("mine");
      const step = { op: "attend", dense: true, rectify: "none", stride: 0, strataPerBlock: 1, group: 32 } as const;
      const output = new HostTensor("f32", SHAPE);
      await expect(backend.attend(step, io, { output }, { geometry, onProgress })).rejects.toThrow("mine");
      const { output: good } = await attention.run(io);
      expect((await good.read()).toFloat32().some((x) => x !== 0)).toBe(true);
      expect(loose).toEqual([]);
      backend.dispose();
    });
  },
);
