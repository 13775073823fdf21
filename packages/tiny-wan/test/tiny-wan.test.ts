import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { files, folder, generation } from "../index.js";

const at = (file: string) => new URL(file, folder);
const json = (file: string) => JSON.parse(readFileSync(at(file), "utf8"));

/** Names and byte ranges of a safetensors file, and whether they fill it. */
function header(file: string) {
  const bytes = readFileSync(at(file));
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...entries } = JSON.parse(bytes.subarray(8, 8 + length).toString());
  return { entries, dataBytes: bytes.length - 8 - length, data: bytes.subarray(8 + length) };
}

const weights = files.filter((file) => file.endsWith(".safetensors"));

describe("the folder of the tiny model", () => {
  it("holds exactly the listed files", () => {
    const found = readdirSync(fileURLToPath(folder), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const root = fileURLToPath(folder);
    const names = found.map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
    expect(names.sort()).toEqual([...files].sort());
  });

  it("weighs at most 28 MB, in files of less than 16 MiB", () => {
    const sizes = files.map((file) => readFileSync(at(file)).length);
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(28e6);
    expect(Math.max(...sizes)).toBeLessThan(16 * 2 ** 20);
  });

  it.each(weights)("%s holds finite half floats without gaps", (file) => {
    const { entries, dataBytes, data } = header(file);
    let end = 0;
    for (const [name, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: number[] }>(entries)) {
      expect(entry.dtype, name).toBe("F16");
      expect(entry.data_offsets[0], name).toBe(end);
      end = entry.data_offsets[1]!;
      expect(end - entry.data_offsets[0]!, name).toBe(2 * entry.shape.reduce((a, b) => a * b, 1));
    }
    expect(end).toBe(dataBytes);
    let infinite = 0;
    for (let i = 0; i < dataBytes; i += 2) if ((data.readUInt16LE(i) & 0x7c00) === 0x7c00) infinite++;
    expect(infinite).toBe(0);
  });

  it("names every tensor of the transformer in its index, and no other", () => {
    const index = json("transformer/diffusion_pytorch_model.safetensors.index.json").weight_map as Record<
      string,
      string
    >;
    const held = weights
      .filter((file) => file.startsWith("transformer/"))
      .flatMap((file) => Object.keys(header(file).entries).map((name) => [name, file.slice("transformer/".length)]));
    expect(Object.fromEntries(held)).toEqual(index);
  });

  it("stays within 10 million parameters for the transformer and 5 million for the autoencoder", () => {
    const count = (prefix: string) =>
      weights.filter((file) => file.startsWith(prefix)).reduce((sum, file) => sum + header(file).dataBytes / 2, 0);
    expect(count("transformer/")).toBeLessThanOrEqual(10e6);
    expect(count("vae/")).toBeLessThanOrEqual(5e6);
  });

  it("says the same in its module, its files and its configurations", () => {
    const { flow_shift, text_rows, ...rest } = json("generation.json");
    expect({ ...rest, flowShift: flow_shift, textRows: text_rows }).toEqual(generation);
    expect(json("scheduler/scheduler_config.json").flow_shift).toBe(generation.flowShift);
    expect(json("tokenizer/tokenizer_config.json").model_max_length).toBe(generation.textRows);
    expect(json("tokenizer/tokenizer.json").model.vocab.length).toBe(json("text_encoder/config.json").vocab_size);
    expect(json("transformer/config.json").text_dim).toBe(json("text_encoder/config.json").d_model);
    expect(json("transformer/config.json").in_channels).toBe(json("vae/config.json").z_dim);
  });
});
