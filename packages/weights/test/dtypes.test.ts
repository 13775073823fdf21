import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSafetensors, openWeights, scaledWeights } from "../src/index.js";
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

  it("refuses integers beyond 32 bits by value", async () => {
    const header = { a: { dtype: "U64", shape: [1], data_offsets: [0, 8] } };
    const file = await openSafetensors(rawSafetensors(header, 8));
    await expectFailure(file.tensor("a"), "Unsupported", /U64" and holds 578437695752307201, which does not fit/);
    const small = rawSafetensors(header, 8);
    small.set([255, 255, 255, 127, 0, 0, 0, 0], small.length - 8);
    expect([...(await (await openSafetensors(small)).tensor("a")).data]).toEqual([2147483647]);
  });
});
