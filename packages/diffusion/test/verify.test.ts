import { cpu } from "@spaattn/backend-cpu";
import { reference } from "@spaattn/reference";
import { directoryFolder } from "@spaattn/weights/node";
import { describe, expect, it, type TestContext } from "vitest";
import { type GoldenCheck, verifyGolden } from "../src/verify/index.js";
import { golden } from "./golden.js";

/** Every case, and how many comparisons it is at least. */
const CASES: Readonly<Record<string, number>> = {
  wan_t2v: 150,
  wan_i2v: 45,
  wan_flf: 25,
  wan_ti2v: 70,
  wan_a14b: 20,
  text_t5: 5,
  tokenizer_t5_spm: 100,
  "hunyuan_t2v/tokenizer": 80,
  "hunyuan_t2v/tokenizer_2": 80,
  schedulers: 100,
  dtypes: 12,
  image_ops: 6,
  "": 30,
};

type Device = Parameters<typeof verifyGolden>[2]["device"];

/** Every comparison of one case holds, none is left out, and there are as many as there should be. */
async function verify(ctx: TestContext, device: Device, path: string, least: number): Promise<void> {
  const root = directoryFolder(golden(ctx, ""));
  const checks: GoldenCheck[] = [];
  for await (const check of verifyGolden(root, path, { device })) checks.push(check);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.filter(({ note }) => note)).toEqual([]);
  expect(checks.length).toBeGreaterThanOrEqual(least);
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
}

describe("golden files on the oracle", () => {
  it.for(Object.entries(CASES))("%s", async ([path, least], ctx) => verify(ctx, await reference.create(), path, least));
});

describe("golden files of networks on the CPU", () => {
  const networks = Object.entries(CASES).filter(([path]) => /^(wan_|text_t5)/.test(path));
  it.for(networks)("%s", async ([path, least], ctx) => {
    const device = await cpu.create({ threads: 1 });
    try {
      await verify(ctx, device, path, least);
    } finally {
      device.dispose();
    }
  });
});
