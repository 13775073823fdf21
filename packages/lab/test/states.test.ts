import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { afterAll, describe, expect, it } from "vitest";
import {
  buildInputs,
  compare,
  errorCurve,
  inputsFromCapture,
  notFinite,
  notFiniteNotes,
  runMode,
} from "../src/index.js";
import { movingSquare } from "./clips.js";

const backend = await cpu.create({ threads: 1 });
afterAll(() => backend.dispose());

const shape = [1, 2, 512, 64];
const wave = (phase: number) =>
  new HostTensor(
    "f32",
    shape,
    Float32Array.from({ length: 2 * 512 * 64 }, (_, i) => Math.sin(i * phase)),
  );
const capture = () => ({ query: wave(0.37), key: wave(0.73), value: wave(0.11), grid: [2, 16, 16] as const });

describe("values that are not finite", () => {
  it.each([
    ["f32", Float32Array.of(1, Number.NaN, 3, -Infinity), 2],
    ["f64", Float64Array.of(1, Number.NaN, 3, 4), 1],
    ["f16", Uint16Array.of(0x3c00, 0x7c00, 0xfc00, 0x7e01), 3],
    ["bf16", Uint16Array.of(0x3f80, 0x7f80, 0xff81, 0x7f7f), 2],
  ] as const)("are found in %s", (dtype, data, count) => {
    expect(notFinite(new HostTensor(dtype, [2, 2], data as never))).toEqual({ count, first: [0, 1] });
    expect(notFinite(new HostTensor(dtype, [2, 2]))).toBeUndefined();
  });

  it.each(["query", "key", "value"] as const)(
    "in %s have a state of their own, never that of equal outputs",
    async (role) => {
      const given = capture();
      given[role].data[64 * 70 + 5] = Number.NaN;
      const { rows, headQuality, warnings } = await compare(backend, inputsFromCapture(given));
      for (const row of rows) expect(row).toMatchObject({ state: "notFinite", relL2: Number.NaN, psnr: null });
      for (const row of rows.slice(1)) expect(row.worstHeads[0]).toMatchObject({ head: 0, state: "notFinite" });
      // The other head is as good as ever.
      for (const heads of headQuality) expect([heads[0].state, heads[1].state]).toEqual(["notFinite", "differs"]);
      expect(warnings[0]).toMatch(
        new RegExp(`^${role} holds 1 value that is not finite \\(the first at \\[0, 0, \\d+, 5\\]`),
      );
      expect(warnings.join(" ")).toContain("Dense attention's own output is not finite");
    },
  );

  it("that appear only in an output are told apart", () => {
    expect(notFiniteNotes({ output: wave(1) })).toEqual([]);
  });

  it("zeros throughout are no equality and no infinity in disguise", async () => {
    const given = { ...capture(), value: new HostTensor("f32", shape) };
    const { rows } = await compare(backend, inputsFromCapture(given), { modes: ["tail"] });
    expect(rows.map(({ state, psnr }) => [state, psnr])).toEqual([
      ["equal", null],
      ["equal", null],
    ]);
  });
});

describe("warnings", () => {
  it("say so where summaries do harm, and why", async () => {
    // Noise: what a summary says of a block's keys is worth nothing.
    let seed = 1;
    const noise = () => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647 - 0.5;
    };
    const [frames, height, width] = [6, 48, 64];
    const data = Uint8Array.from({ length: frames * height * width * 3 }, () => 128 + 100 * noise());
    const inputs = buildInputs({ frames, height, width, data }, { heads: 2, maxTokens: 1024 });
    const { rows, warnings } = await compare(backend, inputs, { dropRates: [0.8] });
    const [, none, , tail] = rows;
    const told = warnings.some((text) =>
      text.startsWith("tail is further off than plain block-sparse attention at 80 %"),
    );
    expect(told).toBe(tail.relL2 > none.relL2);
  });

  it("are silent where all is well", async () => {
    const inputs = buildInputs(movingSquare(10, 64, 64), { heads: 4, maxTokens: 2000, blockSize: 64 });
    const { warnings } = await compare(backend, inputs, { modes: ["none", "tail"] });
    expect(warnings.filter((text) => !text.startsWith("Speedups"))).toEqual([]);
  });
});

describe("times", () => {
  it("are those of whole rounds, after one that does not count", async () => {
    const order: string[] = [];
    const onProgress = (_: number, what: string) => {
      if (order.at(-1) !== what) order.push(what);
    };
    const { rows } = await compare(backend, inputsFromCapture(capture()), { modes: ["none"], repeats: 2, onProgress });
    const round = ["dense", "none at 80 % dropped"];
    expect(order).toEqual([...round, ...round, ...round, "done"]);
    expect(rows[1].msRange[0]).toBeLessThanOrEqual(rows[1].msRange[1]);
  });
});

describe("options", () => {
  const inputs = inputsFromCapture(capture());
  it.each([
    [{ dropRate: 0.8 }, /options.dropRate is not known/],
    [{ dropRates: 0.8 }, /options.dropRates must list at least one rate, got 0.8/],
    [{ dropRates: [] }, /options.dropRates must list at least one rate/],
    [{ dropRates: ["0.8"] }, /options.dropRates\[0\] must be a number.*got "0.8"/],
    [{ modes: ["magic"] }, /options.modes\[0\] must be none or paper or tail or levels, got "magic"/],
    [{ repeats: 0 }, /options.repeats must be a positive integer, got 0/],
    [{ tail: { stratas: 1 } }, /options.tail.stratas is not known/],
    [{ firstFrame: "foo" }, /options.firstFrame/],
    [{ neighbours: "yes" }, /options.neighbours must be true or false/],
  ])("%j is refused by compare and errorCurve", async (options, message) => {
    const attempt = async (run: () => Promise<unknown>) => run();
    await expect(attempt(() => compare(backend, inputs, options as never))).rejects.toThrow(message);
    if ("repeats" in options) return;
    const dense = await runMode(backend, inputs, "dense", 0);
    await expect(attempt(() => errorCurve(backend, inputs, dense, options as never))).rejects.toThrow(message);
  });

  it("a callback that fails rejects the comparison with its own error", async () => {
    const dense = await runMode(backend, inputs, "dense", 0);
    const fail = async () => {
      throw new Error("mine");
    };
    await expect(compare(backend, inputs, { onProgress: fail })).rejects.toThrow("mine");
    await expect(errorCurve(backend, inputs, dense, { dropRates: [0.5], onPoint: fail })).rejects.toThrow("mine");
  });

  it("build: unknown names and a clip's unread frames", () => {
    const clip = movingSquare(10, 64, 64);
    expect(() => buildInputs(clip, { tokens: 700 } as never)).toThrow(/options.tokens is not known/);
    const { notes } = buildInputs({ ...clip, totalFrames: 3000, notes: ["ffmpeg: partial file"] }, { maxTokens: 700 });
    expect(notes[0]).toMatch(/of the first 10 of 3000 frames at/);
    expect(notes).toContain("ffmpeg: partial file");
  });
});
