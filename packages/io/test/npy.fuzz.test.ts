import { HostTensor, isSpaAttnError } from "@spaattn/core";
import { bytesOf } from "@spaattn/weights";
import fc from "fast-check";
import { expect, it } from "vitest";
import { mutate, mutations } from "../../weights/test/mutate.js";
import { encodeNpy, readNpy } from "../src/index.js";

const sample = encodeNpy(new HostTensor("f32", [2, 3], Float32Array.from([1, -2, 3, 4, 5, 6])));

/** What the header says, found by other means than the reader's. */
function headerSays(file: Uint8Array) {
  const view = new DataView(file.buffer);
  const start = file[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  const text = new TextDecoder("latin1").decode(file.subarray(0, start));
  const [, type] = /descr['"]: *['"]([^'"]*)/.exec(text) ?? [];
  const fortran = /fortran_order['"]: *True/.test(text);
  const sizes = /shape['"]: *\(([^)]*)\)/.exec(text)?.[1].match(/\d+/g)?.map(Number) ?? [];
  return { type, fortran, sizes, data: file.subarray(start) };
}

it("survives thousands of damaged npy files", async () => {
  const seen = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(mutations, async (list) => {
      const file = mutate(sample, list);
      let tensor: HostTensor;
      try {
        tensor = await readNpy(file);
      } catch (error) {
        if (!isSpaAttnError(error, "MalformedFile") && !isSpaAttnError(error, "Unsupported")) throw error;
        seen.refused++;
        return;
      }
      seen.read++;
      const { type, fortran, sizes, data } = headerSays(file);
      expect(tensor.shape).toEqual(sizes);
      expect(tensor.length).toBe(data.length / Number(type?.slice(2)));
      if (!fortran && type?.[0] !== ">" && type !== "<i8") expect(bytesOf(tensor)).toEqual(data);
    }),
    { numRuns: 6000 },
  );
  expect(seen.refused).toBeGreaterThan(1000);
  expect(seen.read).toBeGreaterThan(100);
});
