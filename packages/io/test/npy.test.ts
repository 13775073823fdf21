import { readFileSync } from "node:fs";
import { HostTensor } from "@spaattn/core";
import { bytesOf } from "@spaattn/weights";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectFailure } from "../../weights/test/helpers.js";
import { encodeNpy, readNpy } from "../src/index.js";

/** Files written by numpy itself. */
const NUMPY: Record<string, string> = JSON.parse(
  readFileSync(new URL("./fixtures/numpy.json", import.meta.url), "utf8"),
);
const fixture = (name: string) => Uint8Array.from(Buffer.from(NUMPY[name], "base64"));
const counting = Array.from({ length: 24 }, (_, i) => i);
const quarters = counting.map((i) => i / 4);
const shifted = counting.map((i) => i - 7);

describe("npy", () => {
  it.each([
    ["f4", "f32", quarters],
    ["f8", "f64", quarters],
    ["f2", "f16", quarters],
    ["i4", "i32", shifted],
    ["i8", "i32", shifted],
    ["u2", "u16", counting],
    ["u1", "u8", counting],
    ["b1", "u8", counting.map((i) => 1 - (i % 2))],
    ["big-endian f4", "f32", quarters],
    ["big-endian i8", "i32", shifted],
    ["Fortran f4", "f32", quarters],
    ["Fortran i8", "i32", shifted],
    ["version 2", "f32", quarters],
    ["version 3", "f32", quarters],
  ])("reads %s as numpy wrote it", async (name, dtype, values) => {
    const file = fixture(name);
    const before = file.slice();
    const tensor = await readNpy(file);
    expect(tensor.toJSON()).toEqual({ dtype, shape: [2, 3, 4] });
    expect([...tensor.toFloat32()]).toEqual(values);
    expect(file).toEqual(before);
    // Not from memory, and not aligned.
    expect([...(await readNpy(new Blob([file as BlobPart]))).toFloat32()]).toEqual(values);
  });

  it("reads scalars, vectors and empty arrays", async () => {
    const shapes = await Promise.all(
      ["scalar", "vector", "empty"].map(async (name) => (await readNpy(fixture(name))).shape),
    );
    expect(shapes).toEqual([[], [3], [0, 3]]);
  });

  it("writes what numpy writes, byte by byte", async () => {
    for (const name of ["f4", "f8", "f2", "i4", "u2", "u1", "scalar", "vector", "empty"]) {
      const ours = encodeNpy(await readNpy(fixture(name)));
      expect(new TextDecoder("latin1").decode(ours)).toBe(new TextDecoder("latin1").decode(fixture(name)));
    }
    expect(() => encodeNpy(new HostTensor("bf16", [1]))).toThrow(/bf16 tensor has no npy type/);
  });

  it("gives back what it wrote", async () => {
    const tensors = fc.tuple(
      fc.constantFrom("f64", "f32", "f16", "i32", "u16", "u8"),
      fc.array(fc.nat(4), { maxLength: 5 }),
      fc.infiniteStream(fc.nat(255)),
    );
    await fc.assert(
      fc.asyncProperty(tensors, async ([dtype, shape, bytes]) => {
        const tensor = new HostTensor(dtype as "f32", shape);
        const memory = bytesOf(tensor);
        for (let i = 0; i < memory.length; i++) memory[i] = bytes.next().value;
        const read = await readNpy(encodeNpy(tensor));
        expect(read.toJSON()).toEqual(tensor.toJSON());
        expect(bytesOf(read)).toEqual(memory);
      }),
      { numRuns: 300 },
    );
  });

  it("refuses types that have no counterpart", async () => {
    await expectFailure(readNpy(fixture("c8")), "Unsupported", /"<c8"/);
    await expectFailure(readNpy(fixture("objects")), "Unsupported", /"<U1"/);
    await expectFailure(readNpy(fixture("i8 too large")), "MalformedFile", /element 1 does not fit/);
  });

  const header = (text: string, data = 8, version = 1) => {
    const head = new TextEncoder().encode(text);
    const file = new Uint8Array(10 + head.length + data);
    file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, head.length & 255, head.length >> 8]);
    file.set(head, 10);
    return file;
  };

  it.each([
    ["nothing", new Uint8Array(3), /3 bytes/],
    ["another format", new TextEncoder().encode("GIF89a and more"), /does not begin/],
    ["version 4", header("{}", 0, 4), /version 4.0/],
    ["code instead of a header", header("__import__('os')"), /cannot be understood/],
    ["an unknown key", header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': '1'}"), /dictionary/],
    ["a key twice", header("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"), /dictionary/],
    ["no shape", header("{'descr': '<f4', 'fortran_order': False}"), /dictionary/],
    ["a number for a tuple", header("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}"), /dictionary/],
    ["a negative size", header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}"), /cannot be understood/],
    ["a huge size", header("{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740993,)}"), /dictionary/],
    ["text behind the dictionary", header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} }"), /dictionary/],
    [
      "too little data",
      header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}"),
      /takes 12 bytes, but 8 follow.*truncated/,
    ],
    ["too much data", header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"), /takes 4 bytes, but 8 follow/],
    [
      "a boolean of 7",
      header("{'descr': '|b1', 'fortran_order': False, 'shape': (8,)}").with(-1, 7),
      /neither 0 nor 1/,
    ],
  ])("refuses %s", async (_, file, message) => {
    await expectFailure(readNpy(file), "MalformedFile", message);
  });

  it("refuses headers of a megabyte without running out of anything", async () => {
    const long = (text: string) => {
      const file = header("", 0, 2);
      const head = new TextEncoder().encode(text);
      const all = new Uint8Array(12 + head.length);
      all.set(file);
      all.set(head, 12);
      new DataView(all.buffer).setUint32(8, head.length, true);
      return all;
    };
    const rest = "'fortran_order': True, 'shape': (";
    for (const [text, message] of [
      [`{'descr': '${"x".repeat(1e6)}', ${rest})}`, /arrays of type|cannot be read/],
      [`{'descr': '<f4', ${rest}${"1, ".repeat(3e5)})}`, /300000 axes/],
      [`{'descr': ${"(".repeat(1e6)}`, /dictionary/],
      [" ".repeat(1e6), /dictionary/],
    ] as const)
      await expect(readNpy(long(text))).rejects.toThrow(message);
    await expectFailure(readNpy(long(" ".repeat(2e6))), "MalformedFile", /header of 2000000 bytes cannot be/);
  });

  it("refuses a truncated file wherever it ends", async () => {
    for (const name of ["f4", "version 2", "version 3"]) {
      const file = fixture(name);
      for (let length = 0; length < file.length; length++)
        await expectFailure(readNpy(file.subarray(0, length)), "MalformedFile", /./);
    }
  });
});
