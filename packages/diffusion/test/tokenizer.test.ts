import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isSpaAttnError } from "@spaattn/core";
import { memoryFolder } from "@spaattn/weights";
import { directoryFolder } from "@spaattn/weights/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePadded, loadTokenizer } from "../src/index.js";
import { golden } from "./golden.js";

interface Golden {
  readonly pad_id: number;
  readonly max_length: number;
  readonly cases: { text: string; ids: number[]; padded_ids: number[]; mask: number[] }[];
}

const read = <T>(folder: string, name: string): T => JSON.parse(readFileSync(join(folder, name), "utf8"));

describe("tokenizers", () => {
  it.for(["wan_t2v/tokenizer", "tokenizer_t5_spm", "hunyuan_t2v/tokenizer", "hunyuan_t2v/tokenizer_2"])(
    "%s gives all golden ids",
    async (path, ctx) => {
      const folder = golden(ctx, path);
      const tokenizer = await loadTokenizer(directoryFolder(folder), "");
      const { cases, pad_id: padId, max_length: length } = read<Golden>(folder, "golden.json");
      expect(cases).toHaveLength(40);
      expect(tokenizer.padId).toBe(padId);
      for (const { text, ids, padded_ids, mask } of cases) {
        expect([text, tokenizer.encode(text)]).toEqual([text, ids]);
        const padded = encodePadded(tokenizer, text, length);
        expect([text, [...padded.ids], [...padded.mask]]).toEqual([text, padded_ids, mask]);
        expect(padded.dropped).toBe(Math.max(0, ids.length - length));
      }
    },
  );

  it("gives SentencePiece's own ids where there is spiece.model alone", async (ctx) => {
    const folder = golden(ctx, "tokenizer_t5_spm");
    const model = readFileSync(join(folder, "spiece.model"));
    const tokenizer = await loadTokenizer(memoryFolder({ "t/spiece.model": model }), "t");
    const { cases } = read<Golden>(folder, "golden_spm.json");
    expect(cases).toHaveLength(40);
    for (const { text, ids } of cases) expect([text, tokenizer.encode(text)]).toEqual([text, ids]);
    // Damage is refused or harmless, never a crash.
    await fc.assert(
      fc.asyncProperty(fc.nat(model.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
        const damaged = cut ? model.subarray(0, at) : Uint8Array.from(model).fill(byte, at, at + 1);
        try {
          (await loadTokenizer(memoryFolder({ "t/spiece.model": damaged }), "t")).encode("a red ﬁsh");
        } catch (error) {
          if (!isSpaAttnError(error, "MalformedFile")) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  it("takes ten thousand words", async (ctx) => {
    const tokenizer = await loadTokenizer(directoryFolder(golden(ctx, "wan_t2v/tokenizer")), "");
    const padded = encodePadded(tokenizer, "a red fox ".repeat(3334), 512);
    expect([padded.ids.length, padded.ids[511], padded.dropped > 9000]).toEqual([512, 1, true]);
    expect(() => encodePadded(tokenizer, "x", 1)).toThrow(/length must be an integer above 1, got 1/);
  });

  it("refuses folders without a tokenizer and files that are none", async () => {
    const load = (files: Record<string, string>) => loadTokenizer(memoryFolder(files), "t");
    await expect(load({})).rejects.toThrow(/there is no tokenizer/);
    await expect(load({ "t/tokenizer.json": "{}" })).rejects.toThrow(/cannot be made/);
    await expect(load({ "t/spiece.model": "hello" })).rejects.toThrow(/spiece\.model: /);
    await expect(load({ "t/spiece.model": "" })).rejects.toThrow(/no pieces/);
  });
});
