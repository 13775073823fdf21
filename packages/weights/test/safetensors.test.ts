import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type DType, HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { type ByteSource, blobSource, bytesSource, encodeSafetensors, openSafetensors } from "../src/index.js";
import { fileSource, withSafetensors, writeSafetensors } from "../src/node.js";
import { bytesOf } from "../src/read-tensor.js";
import { expectFailure, goldenFolder, inTemporaryFolder, rawSafetensors } from "./helpers.js";

/** One tensor of every dtype, filled with all bit patterns in turn. */
function everyDType(): Record<string, HostTensor> {
  const dtypes: DType[] = ["f64", "f32", "f16", "bf16", "i32", "u16", "u8"];
  return Object.fromEntries(
    dtypes.map((dtype, k) => {
      const tensor = new HostTensor(dtype, [3, 5 + k]);
      bytesOf(tensor).forEach((_, i, bytes) => {
        bytes[i] = i * 37 + k;
      });
      return [dtype, tensor];
    }),
  );
}

describe("safetensors", () => {
  it("gives back every dtype bit by bit, from memory, a blob and a file", async () => {
    const tensors = { ...everyDType(), empty: new HostTensor("f32", [0, 7]), scalar: new HostTensor("f32", []) };
    const metadata = { format: "test", 'quoted "ü"': "[1, 2]\n" };
    const file = await encodeSafetensors(tensors, metadata);
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "all.safetensors");
      await writeSafetensors(path, tensors, { metadata });
      const onDisk = await fileSource(path);
      const shifted = new Uint8Array(file.length + 1);
      shifted.set(file, 1);
      const sources = [
        file,
        shifted.subarray(1),
        new Blob([file as BlobPart]),
        bytesSource(file.slice().buffer),
        onDisk,
      ];
      for (const source of sources) {
        const opened = await openSafetensors(source);
        expect(opened.metadata).toEqual(metadata);
        expect(opened.names.sort()).toEqual(Object.keys(tensors).sort());
        for (const [name, tensor] of Object.entries(tensors)) {
          const read = await opened.tensor(name);
          expect(read.toJSON()).toEqual(tensor.toJSON());
          expect(bytesOf(read)).toEqual(bytesOf(tensor));
          expect(await opened.bytes(name)).toEqual(bytesOf(tensor));
        }
      }
      await onDisk.close();
    });
  });

  it("aligns the data of every tensor to its element size", async () => {
    const { header } = await openSafetensors(await encodeSafetensors(everyDType()));
    for (const { offset, fileType, bytes, shape } of header.entries.values())
      expect([fileType, offset % (bytes / (shape[0] * shape[1]))]).toEqual([fileType, 0]);
  });

  it("reads one tensor into the memory it will live in, and nothing else", async () => {
    const memory = await encodeSafetensors({ small: new HostTensor("u8", [10]), large: new HostTensor("f32", [1000]) });
    const targets: Uint8Array[] = [];
    const source: ByteSource = {
      name: "counted",
      size: memory.length,
      read: async (offset, target) => {
        targets.push(target);
        target.set(memory.subarray(offset, offset + target.length));
      },
    };
    const file = await openSafetensors(source);
    targets.length = 0;
    const large = await file.tensor("large");
    expect(targets.map((target) => target.length)).toEqual([4000]);
    expect(targets[0].buffer).toBe(large.data.buffer);
    // A file in memory is not copied at all.
    const shared = await (await openSafetensors(memory)).tensor("large");
    expect(shared.data.buffer).toBe(memory.buffer);
    expect(shared.owned).toBe(false);
  });

  it("reads a device tensor back only when its turn comes", async () => {
    const events: string[] = [];
    const onDevice = (name: string) => {
      const host = new HostTensor("f32", [2]);
      return {
        ...host.toJSON(),
        owned: true,
        disposed: false,
        dispose() {},
        async read() {
          events.push(name);
          return host;
        },
      };
    };
    const { safetensorsChunks } = await import("../src/index.js");
    for await (const chunk of safetensorsChunks({ a: onDevice("a"), b: onDevice("b") }))
      events.push(`${chunk.length} bytes`);
    expect(events).toEqual([expect.stringMatching(/bytes/), "a", "8 bytes", "b", "8 bytes"]);
  });

  it("opens every golden file", async (ctx) => {
    const folder = goldenFolder(ctx);
    const files = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
    expect(files.length).toBeGreaterThan(0);
    for (const name of files)
      await withSafetensors(join(folder, name), async (file) => {
        for (const tensor of file.names) expect((await file.tensor(tensor)).length).toBeGreaterThanOrEqual(0);
      });
  });

  it("takes metadata of any length and with any characters", async () => {
    // Lengths at which a regular expression would run out of stack.
    const metadata = { long: "x".repeat(20e6), quotes: '"\\'.repeat(3e6), 'ke\\y"': "\u0000{[,:" };
    expect((await openSafetensors(await encodeSafetensors({}, metadata))).metadata).toEqual(metadata);
  });

  it("reads a file without tensors", async () => {
    expect((await openSafetensors(rawSafetensors("{}"))).names).toEqual([]);
    expect((await openSafetensors(rawSafetensors("{}      "))).names).toEqual([]);
  });

  it("treats names of object methods as names", async () => {
    const tensors = { constructor: new HostTensor("u8", [1]), hasOwnProperty: new HostTensor("u8", [2]) };
    const file = await openSafetensors(await encodeSafetensors(tensors));
    expect((await file.tensor("constructor")).shape).toEqual([1]);
    expect(() => file.entry("toString")).toThrow(/no tensor "toString"/);
  });
});

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

const MALFORMED: readonly [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /0 bytes/],
  ["a file of 7 bytes", new Uint8Array(7), /7 bytes/],
  ["a header length of 2^63", rawSafetensors("{}", 0, 1n << 63n), /9223372036854775808 bytes cannot be/],
  ["a header length just above the limit", rawSafetensors("{}", 0, 100_000_001n), /cannot be/],
  ["a header longer than the file", rawSafetensors("{}", 0, 50n), /truncated/],
  ["a header of no bytes", rawSafetensors("", 0), /header of 0 bytes/],
  ["something else", new TextEncoder().encode("GIF89a-not-a-safetensors-file"), /cannot be/],
  ["a header that is not JSON", rawSafetensors('{"a": }'), /not JSON/],
  ["a header that is a list", rawSafetensors("[1, 2]"), /begin with/],
  ["a header with a byte order mark", rawSafetensors("\ufeff{}"), /begin with/],
  ["a header that is not UTF-8", rawSafetensors("{}").with(9, 0xff), /UTF-8/],
  ["nested brackets without end", rawSafetensors(`{"a":${"[".repeat(1e6)}`), /nests deeper than 32/],
  [
    "the same name twice",
    rawSafetensors('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":1}'),
    /"a" twice/,
  ],
  ["the same field twice", rawSafetensors('{"a":{"dtype":"U8","dtype":"U8"}}'), /"dtype" twice/],
  ["a name with a wrong escape", rawSafetensors('{"\\x":1}'), /not JSON/],
  ["the name __proto__", rawSafetensors('{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), /__proto__/],
  ["__proto__ in the metadata", rawSafetensors('{"__metadata__":{"__proto__":"x"}}'), /__proto__/],
  ["metadata that is a list", rawSafetensors({ __metadata__: ["x"] }), /__metadata__ is not an object/],
  ["metadata with a number", rawSafetensors({ __metadata__: { n: 3 } }), /__metadata__.n is not a string/],
  ["a tensor that is a number", rawSafetensors({ a: 3 }), /tensor "a" is not described/],
  ["a tensor without dtype", rawSafetensors({ a: { shape: [], data_offsets: [0, 4] } }, 4), /no dtype/],
  ["a dtype that is a number", rawSafetensors({ a: { ...f32(0, 4), dtype: 32 } }, 4), /no dtype/],
  ["no shape", rawSafetensors({ a: { dtype: "U8", data_offsets: [0, 1] } }, 1), /no shape/],
  ["a negative size", rawSafetensors({ a: f32(0, 4, [-1]) }, 4), /no shape/],
  ["a broken size", rawSafetensors({ a: f32(0, 4, [1.5]) }, 4), /no shape/],
  [
    "a size beyond 2^53",
    rawSafetensors('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,1]}}', 1),
    /no shape/,
  ],
  ["sizes whose product overflows", rawSafetensors({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4), /takes 4/],
  ["one offset", rawSafetensors({ a: { dtype: "U8", shape: [1], data_offsets: [0] } }, 1), /data_offsets/],
  ["a negative offset", rawSafetensors({ a: f32(-4, 0, [1]) }, 4), /data_offsets/],
  ["an end before the beginning", rawSafetensors({ a: f32(4, 0, [1]) }, 4), /before it begins/],
  ["a shape that does not fit", rawSafetensors({ a: f32(0, 8, [3]) }, 8), /F32 \[3\], 12 bytes, but takes 8/],
  ["tensors that overlap", rawSafetensors({ a: f32(0, 8), b: f32(4, 12) }, 12), /"b" overlaps tensor "a"/],
  ["two tensors in one place", rawSafetensors({ a: f32(0, 8), b: f32(0, 8) }, 8), /overlaps/],
  ["a gap between tensors", rawSafetensors({ a: f32(0, 4), b: f32(8, 12) }, 12), /4 bytes before tensor "b"/],
  ["a gap in front", rawSafetensors({ a: f32(4, 8) }, 8), /4 bytes before tensor "a"/],
  ["offsets outside the file", rawSafetensors({ a: f32(0, 400) }, 8), /truncated or the offsets are wrong/],
  ["bytes behind the last tensor", rawSafetensors({ a: f32(0, 4) }, 9), /5 bytes behind/],
];

describe("malformed safetensors", () => {
  it.each(MALFORMED)("refuses %s", async (_, file, message) => {
    await expectFailure(openSafetensors(file), "MalformedFile", message);
  });

  it("refuses a truncated file wherever it ends", async () => {
    const file = await encodeSafetensors(everyDType());
    for (let length = 0; length < file.length; length++)
      await expectFailure(openSafetensors(file.subarray(0, length)), "MalformedFile", /./);
  });

  it("refuses unknown and unreadable dtypes only when the tensor is read", async () => {
    const header = {
      good: f32(0, 4),
      unknown: { dtype: "F12", shape: [2], data_offsets: [4, 7] },
      wide: { dtype: "C64", shape: [1], data_offsets: [7, 15] },
    };
    const file = await openSafetensors(rawSafetensors(header, 15));
    expect((await file.tensor("good")).shape).toEqual([1]);
    await expectFailure(file.tensor("unknown"), "MalformedFile", /"F12", which is unknown/);
    await expectFailure(file.tensor("wide"), "Unsupported", /"C64"/);
    expect(await file.bytes("wide")).toHaveLength(8);
  });

  it("notices a blob that gives fewer bytes than it promised", async () => {
    const blob = Object.assign(new Blob([new Uint8Array(4)]), { name: "short" });
    const source = { ...blobSource(blob), size: 100 };
    await expectFailure(openSafetensors(source), "MalformedFile", /missing while reading/);
  });

  it("refuses wrong arguments at once", async () => {
    await expect(openSafetensors(3 as never)).rejects.toThrow(TypeError);
    await expect(encodeSafetensors({}, { n: 3 as never })).rejects.toThrow(/metadata.n must be a string/);
    await expect(encodeSafetensors({ __metadata__: new HostTensor("u8", [1]) })).rejects.toThrow(RangeError);
  });
});
