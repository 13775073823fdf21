import { HostTensor, isSpaAttnError } from "@spaattn/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeSafetensors, openSafetensors } from "../src/index.js";
import { bytesOf } from "../src/read-tensor.js";
import { rawSafetensors } from "./helpers.js";
import { type Mutation, mutate, mutations } from "./mutate.js";

const WIDTHS: Record<string, number> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, I32: 4, U16: 2, U8: 1, BOOL: 1, I8: 1 },
  ...{ F8_E4M3: 1, F8_E5M2: 1 },
};

/**
 * Opens a file and reads everything in it. Whatever is returned must be what the header says, found here by other
 * means; whatever is refused must be refused in the documented way.
 */
async function readOrRefuse(file: Uint8Array): Promise<"read" | "refused"> {
  try {
    const opened = await openSafetensors(file);
    const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
    const metadata = header.__metadata__ ?? {};
    delete header.__metadata__;
    expect(opened.metadata).toEqual(metadata);
    expect(opened.names.sort()).toEqual(Object.keys(header).sort());
    let total = 0;
    for (const name of opened.names) {
      const { dtype, shape, data_offsets } = header[name];
      const bytes = file.slice(8 + length + data_offsets[0], 8 + length + data_offsets[1]);
      total += bytes.length;
      expect(bytesOf({ data: await opened.bytes(name) } as never)).toEqual(bytes);
      const tensor = await opened.tensor(name).catch((error: unknown) => {
        if (!isSpaAttnError(error, "Unsupported") && !isSpaAttnError(error, "MalformedFile")) throw error;
        expect(WIDTHS[dtype]).toBeUndefined();
        return undefined;
      });
      if (!tensor) continue;
      expect(tensor.shape).toEqual(shape);
      // Other types are converted.
      if (WIDTHS[dtype] === undefined) continue;
      expect(bytes.length).toBe(shape.reduce((a: number, b: number) => a * b, WIDTHS[dtype]));
      expect(bytesOf(tensor)).toEqual(bytes);
    }
    expect(8 + length + total).toBe(file.length);
    return "read";
  } catch (error) {
    if (!isSpaAttnError(error, "MalformedFile")) throw error;
    return "refused";
  }
}

const sample = await encodeSafetensors(
  {
    query: new HostTensor("f32", [2, 3], Float32Array.from([1, -2, 3, 4, 5, 6])),
    mask: new HostTensor("u8", [5], Uint8Array.from([1, 0, 1, 1, 0])),
    half: new HostTensor("f16", [1, 4], Uint16Array.from([1, 2, 3, 4])),
  },
  { format: "test", grid: "[1, 2, 3]" },
);

describe("fuzzed safetensors", () => {
  it("survives thousands of damaged files", async () => {
    const seen = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(mutations, async (list: Mutation[]) => {
        seen[await readOrRefuse(mutate(sample, list))]++;
      }),
      { numRuns: 6000 },
    );
    // Both outcomes occur, or the test would show nothing.
    expect(seen.refused).toBeGreaterThan(1000);
    expect(seen.read).toBeGreaterThan(100);
  });

  it("survives headers of the right form with wrong contents", async () => {
    const size = fc.oneof(fc.nat(6), fc.constantFrom(-1, 1.5, 2 ** 53, 2 ** 31, "4", null));
    const tensor = fc.record(
      {
        dtype: fc.constantFrom<unknown>("F32", "F32", "U8", "F16", "I64", "F4", "f32", "", 7),
        shape: fc.oneof({ weight: 5, arbitrary: fc.array(size, { maxLength: 3 }) }, { weight: 1, arbitrary: size }),
        data_offsets: fc.oneof(
          { weight: 5, arbitrary: fc.tuple(fc.nat(12), fc.nat(24)) },
          { weight: 1, arbitrary: fc.array(size, { maxLength: 3 }) },
        ),
      },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(
      fc.constantFrom("a", "b", "c", "__metadata__", "toString"),
      fc.oneof(tensor, fc.jsonValue()),
    );
    await fc.assert(
      fc.asyncProperty(header, fc.nat(30), async (value, bytes) => {
        await readOrRefuse(rawSafetensors(value, bytes));
      }),
      { numRuns: 4000 },
    );
  });

  it("reads every well-formed file", async () => {
    const tensors = fc.dictionary(
      fc.string().filter((name) => name !== "__metadata__" && name !== "__proto__"),
      fc.tuple(fc.constantFrom("f32", "u8", "bf16", "f64"), fc.array(fc.nat(3), { maxLength: 4 })),
      { maxKeys: 6 },
    );
    await fc.assert(
      fc.asyncProperty(
        tensors,
        fc.dictionary(
          fc.string().filter((key) => key !== "__proto__"),
          fc.string(),
        ),
        async (specs, metadata) => {
          const entries = Object.entries(specs).map(([name, [dtype, shape]]) => [
            name,
            new HostTensor(dtype as "f32", shape),
          ]);
          expect(await readOrRefuse(await encodeSafetensors(Object.fromEntries(entries), metadata))).toBe("read");
        },
      ),
      { numRuns: 500 },
    );
  });
});
