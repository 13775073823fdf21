import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("runs the example of the README", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines.slice(0, 4)).toEqual([
    "21x30x52 tokens, 32760 in all",
    'true false {"kind":"topBlocks","dropRate":0.75}',
    "580 of 4000 attention calls are dense",
    "attention gets at most 2.59 times faster",
  ]);
});
