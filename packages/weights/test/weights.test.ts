import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { blobFolder, encodeSafetensors, memoryFolder, openFolder, openWeights } from "../src/index.js";
import { directoryFolder } from "../src/node.js";
import { expectFailure, inTemporaryFolder, rawSafetensors } from "./helpers.js";

const ramp = (shape: number[], first = 0) => {
  const tensor = new HostTensor("f32", shape);
  tensor.data.forEach((_, i, data) => {
    data[i] = first + i;
  });
  return tensor;
};

const INDEX = {
  metadata: { total_size: 1 },
  weight_map: { "blocks.0.w": "m-1.safetensors", "blocks.1.w": "m-2.safetensors", b: "m-2.safetensors" },
};

const shards = async (): Promise<Record<string, Uint8Array | string>> => ({
  "transformer/m.safetensors.index.json": JSON.stringify(INDEX),
  "transformer/m-1.safetensors": await encodeSafetensors({ "blocks.0.w": ramp([4, 3]), extra: ramp([1]) }),
  "transformer/m-2.safetensors": await encodeSafetensors({ "blocks.1.w": ramp([2, 3], 50), b: ramp([7], 90) }),
});

const FILES = { path: "transformer", stem: "m" };

/** A folder that notes what is opened. */
function watched(files: Record<string, Uint8Array | string>) {
  const opened: string[] = [];
  const inner = memoryFolder(files, "model");
  return {
    opened,
    folder: {
      name: inner.name,
      open: async (path: string) => {
        const file = await inner.open(path);
        if (file) opened.push(path);
        return file;
      },
    },
  };
}

describe("sharded weights", () => {
  it("opens a shard when one of its tensors is needed, once", async () => {
    const { folder, opened } = watched(await shards());
    const weights = await openWeights(folder, FILES);
    expect(weights.names).toEqual(["blocks.0.w", "blocks.1.w", "b"]);
    expect(weights.has("extra")).toBe(false);
    expect(opened).toEqual(["transformer/m.safetensors.index.json"]);
    const both = await Promise.all([weights.read("b"), weights.read("blocks.1.w", { shape: [2, 3] })]);
    expect(both.map(({ data }) => data[0])).toEqual([90, 50]);
    expect(opened.slice(1)).toEqual(["transformer/m-2.safetensors"]);
    expect(await weights.entry("blocks.0.w")).toEqual({
      name: "blocks.0.w",
      dtype: "f32",
      fileType: "F32",
      shape: [4, 3],
      bytes: 48,
      file: "model/transformer/m-1.safetensors",
    });
    await weights.check();
    await weights.close();
    await expectFailure(weights.read("b"), "Disposed", /closed/);
  });

  it("reads rows and streams bytes", async () => {
    const weights = await openWeights(memoryFolder(await shards()), FILES);
    const rows = await weights.read("blocks.0.w", { rows: { begin: 1, end: 3 }, shape: [4, 3] });
    expect(rows.shape).toEqual([2, 3]);
    expect([...rows.data]).toEqual([3, 4, 5, 6, 7, 8]);
    expect((await weights.read("b", { rows: { begin: 7, end: 7 } })).length).toBe(0);
    await expect(weights.read("b", { rows: { begin: 0, end: 8 } })).rejects.toThrow(/rows 0 to 8 of tensor "b" \[7\]/);
    const pieces: Uint8Array[] = [];
    for await (const piece of weights.stream("blocks.0.w", { chunkBytes: 20 })) pieces.push(piece);
    expect(pieces.map(({ length }) => length)).toEqual([20, 20, 8]);
    const bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    expect([...new Float32Array(bytes.buffer)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const signal = AbortSignal.abort();
    await expectFailure(weights.stream("b", { signal })[Symbol.asyncIterator]().next(), "Aborted", /cancelled/);
    await expect(weights.stream("b", { chunkBytes: 0 })[Symbol.asyncIterator]().next()).rejects.toThrow(RangeError);
  });

  it("reads the same from memory, blobs and a disk", async () => {
    const files = await shards();
    await inTemporaryFolder(async (path) => {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), content);
      }
      const blobs = new Map(
        Object.entries(files).map(([name, content]) => [`x/${name}`, new Blob([content as BlobPart])]),
      );
      for (const folder of [memoryFolder(files), blobFolder(blobs), directoryFolder(path)]) {
        const weights = await openWeights(folder, FILES);
        expect([...(await weights.read("blocks.1.w")).data]).toEqual([50, 51, 52, 53, 54, 55]);
        await weights.close();
      }
    });
  });

  it("takes the variant that is asked for, else the plain one, else what there is", async () => {
    const one = (value: number) => encodeSafetensors({ a: ramp([1], value) });
    const all = {
      "diffusion_pytorch_model.safetensors": await one(1),
      "diffusion_pytorch_model.fp16.safetensors": await one(2),
      "model.safetensors.index.bf16.json": JSON.stringify({ weight_map: { a: "odd-bf16-name.safetensors" } }),
      "odd-bf16-name.safetensors": await one(3),
    };
    const read = async (files: Record<string, Uint8Array | string>, variant?: string) => {
      const weights = await openWeights(memoryFolder(files), variant === undefined ? {} : { variant });
      return (await weights.read("a")).data[0];
    };
    expect(await read(all)).toBe(1);
    expect(await read(all, "fp16")).toBe(2);
    expect(await read(all, "bf16")).toBe(3);
    const { "diffusion_pytorch_model.safetensors": _, ...others } = all;
    expect(await read(others)).toBe(3);
    await expectFailure(read(all, "fp32"), "FileAccess", /no weights/);
  });
});

describe("wrong weights", () => {
  const open = async (change: Record<string, Uint8Array | string | undefined>) => {
    const entries = Object.entries({ ...(await shards()), ...change }).filter(([, file]) => file !== undefined);
    return openWeights(memoryFolder(Object.fromEntries(entries) as Record<string, string>, "model"), FILES);
  };
  const index = (map: unknown) => ({ "transformer/m.safetensors.index.json": JSON.stringify({ weight_map: map }) });

  it("names a missing tensor, the file, what was expected and what is like it", async () => {
    const weights = await open({});
    const shape = [5, 6];
    await expectFailure(
      weights.read("blocks.1.q", { shape }),
      "MalformedFile",
      /m\.safetensors\.index\.json: tensor "blocks\.1\.q" of shape \[5, 6\] is missing \(there is blocks\.1\.w\)/,
    );
    await expectFailure(weights.entry("zzz"), "MalformedFile", /"zzz" is missing \(there are 3 others\)/);
  });

  it("names a misshapen tensor, its shard and both shapes", async () => {
    const weights = await open({});
    await expectFailure(
      weights.read("b", { shape: [7, 1] }),
      "MalformedFile",
      /m-2\.safetensors: tensor "b" has shape \[7\], but \[7, 1\] is expected/,
    );
  });

  it("names an absent shard", async () => {
    const weights = await open({ "transformer/m-2.safetensors": undefined });
    expect((await weights.read("blocks.0.w")).length).toBe(12);
    await expectFailure(
      weights.read("b"),
      "FileAccess",
      /index\.json: the file transformer\/m-2\.safetensors is missing/,
    );
    await expectFailure(weights.check(), "FileAccess", /m-2/);
  });

  it("notices a shard without a tensor that the index promises", async () => {
    const weights = await open({ "transformer/m-2.safetensors": await encodeSafetensors({ b: ramp([7]) }) });
    await expectFailure(
      weights.check(),
      "MalformedFile",
      /m-2\.safetensors: tensor "blocks\.1\.w" is missing, although/,
    );
  });

  it("refuses a truncated shard wherever it ends", async () => {
    const whole = (await shards())["transformer/m-2.safetensors"] as Uint8Array;
    for (let length = 0; length < whole.length; length += 7) {
      const weights = await open({ "transformer/m-2.safetensors": whole.subarray(0, length) });
      await expectFailure(weights.read("b"), "MalformedFile", /m-2\.safetensors/);
    }
  });

  it.each([
    ["no map", {}, /weight_map/, { metadata: {} }],
    ["a list", undefined, /weight_map/, { weight_map: ["a"] }],
    ["a number as file", undefined, /tensor "a" into 7/, { weight_map: { a: 7 } }],
    ["a path upwards", undefined, /no file name/, { weight_map: { a: "../../secret.safetensors" } }],
    ["a path", undefined, /no file name/, { weight_map: { a: "/etc/passwd" } }],
  ])("refuses an index with %s", async (_, __, message, content) => {
    const file = { "transformer/m.safetensors.index.json": JSON.stringify(content) };
    await expectFailure(open(file), "MalformedFile", message);
  });

  it("refuses an index that names a tensor twice or is no JSON", async () => {
    const at = "transformer/m.safetensors.index.json";
    const twice = '{"weight_map":{"a":"m-1.safetensors","\\u0061":"m-2.safetensors"}}';
    await expectFailure(open({ [at]: twice }), "MalformedFile", /the index names "a" twice/);
    await expectFailure(open({ [at]: "{" }), "MalformedFile", /the index is not JSON/);
    await expectFailure(
      open(index({ b: "gone.safetensors" })).then((w) => w.read("b")),
      "FileAccess",
      /gone/,
    );
  });

  it("names a dtype nobody knows", async () => {
    const file = rawSafetensors({ b: { dtype: "F7", shape: [2], data_offsets: [0, 3] } }, 3);
    const weights = await open({ ...index({ b: "m-2.safetensors" }), "transformer/m-2.safetensors": file });
    await expectFailure(weights.read("b"), "MalformedFile", /"b" has dtype "F7", which is unknown/);
  });
});

describe("a pipeline's folder", () => {
  const files = {
    "model_index.json": JSON.stringify({
      _class_name: "WanPipeline",
      _diffusers_version: "0.40.0",
      boundary_ratio: 0.9,
      vae: ["diffusers", "AutoencoderKLWan"],
      transformer_2: [null, null],
    }),
    "vae/config.json": JSON.stringify({ z_dim: 16 }),
    "scheduler/scheduler_config.json": JSON.stringify({ flow_shift: 3 }),
  };

  it("tells components from settings and finds configurations", async () => {
    const model = await openFolder(memoryFolder(files));
    expect(model.className).toBe("WanPipeline");
    expect([...model.components]).toEqual([["vae", { library: "diffusers", className: "AutoencoderKLWan" }]]);
    expect(model.settings).toEqual({ _diffusers_version: "0.40.0", boundary_ratio: 0.9 });
    expect(await model.config("vae")).toEqual({ z_dim: 16 });
    expect(await model.config("scheduler")).toEqual({ flow_shift: 3 });
    await expectFailure(model.config("transformer"), "FileAccess", /transformer: there is no configuration/);
    await expectFailure(model.weights("vae"), "FileAccess", /vae: there are no weights/);
  });

  it("refuses a folder that is none", async () => {
    await expectFailure(openFolder(memoryFolder({})), "FileAccess", /model_index/);
    await expectFailure(openFolder(memoryFolder({ "model_index.json": "[]" })), "MalformedFile", /JSON object/);
    await expectFailure(openFolder(memoryFolder({ "model_index.json": "{}" })), "MalformedFile", /_class_name/);
  });
});
