import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { cleanPrompt } from "../src/index.js";
import { golden, readGolden } from "./golden.js";

it("cleans as ftfy 6.3.1 and html.unescape of Python do", () => {
  const cases: { text: string; cleaned: string }[] = JSON.parse(
    readFileSync(new URL("fixtures/prompts.json", import.meta.url), "utf8"),
  );
  expect(cases.length).toBeGreaterThan(30);
  for (const { text, cleaned } of cases) expect([text, cleanPrompt(text)]).toEqual([text, cleaned]);
});

it("cleans the golden prompt", async (ctx) => {
  const { metadata } = await readGolden(golden(ctx, "wan_t2v/pipeline_golden.safetensors"));
  expect(cleanPrompt(metadata.prompt)).toBe(metadata.cleaned_prompt);
});

it("leaves no white space but single spaces inside, whatever comes in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      expect(cleanPrompt(text)).toMatch(/^(|\S+( \S+)*)$/u);
    }),
    { numRuns: 3000 },
  );
});

it("refuses what is no text", () => {
  expect(() => cleanPrompt(7 as never)).toThrow(/prompt must be a string, got number/);
});
