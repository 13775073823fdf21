import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { f8Values, openSafetensors, openWeights, scaledWeights } from "../src/index.js";
import { directoryFolder, withSafetensors } from "../src/node.js";
import { expectFailure, goldenFolder, rawSafetensors } from "./helpers.js";

describe("types", () => {
  it("gives the golden values for every type and every 8-bit code", async (ctx) => {
    const folder = join(goldenFolder(ctx), "diffusion/dtypes");
    if (!existsSync(folder)) return ctx.skip("golden dtypes are missing");
    const weights = scaledWeights(await openWeights(directoryFolder(folder), { stem: "types" }));
    await withSafetensors(join(folder, "golden.safetensors"), async (golden) => {
      const names = golden.names.filter((name) => !name.endsWith("_finite"));
      expect([...weights.names].sort()).toEqual(names.sort());
      for (const name of names) {
        const expected = await golden.tensor(name);
        const finite = golden.has(`${name}_finite`) ? await golden.tensor(`${name}_finite`) : undefined;
        const actual = (await weights.read(name, { shape: expected.shape })).toFloat32();
        expected.toFloat32().forEach((value, i) => {
          if (finite && !finite.data[i]) expect(Number.isFinite(actual[i])).toBe(false);
          else expect([name, i, actual[i]]).toEqual([name, i, value]);
        });
      }
    });
    await weights.close();
  });

  it("knows the landmarks of both 8-bit formats", () => {
    const e4m3 = f8Values("F8_E4M3");
    expect([e4m3[0x7e], e4m3[0x01], e4m3[0x38], e4m3[0xb8]]).toEqual([448, 2 ** -9, 1, -1]);
    expect([e4m3[0x7f], e4m3[0xff]]).toEqual([Number.NaN, Number.NaN]);
    expect([Object.is(e4m3[0x80], -0), Object.is(e4m3[0], 0)]).toEqual([true, true]);
    const e5m2 = f8Values("F8_E5M2");
    expect([e5m2[0x7b], e5m2[0x01], e5m2[0x3c], e5m2[0x7c]]).toEqual([57344, 2 ** -16, 1, Number.POSITIVE_INFINITY]);
    expect(e5m2[0x7d]).toBeNaN();
  });

  it("refuses integers beyond 32 bits by value", async () => {
    const header = { a: { dtype: "U64", shape: [1], data_offsets: [0, 8] } };
    const file = await openSafetensors(rawSafetensors(header, 8));
    await expectFailure(file.tensor("a"), "Unsupported", /U64" and holds 578437695752307201, which does not fit/);
    const small = rawSafetensors(header, 8);
    small.set([255, 255, 255, 127, 0, 0, 0, 0], small.length - 8);
    expect([...(await (await openSafetensors(small)).tensor("a")).data]).toEqual([2147483647]);
  });
});
