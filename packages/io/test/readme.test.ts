import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toEqual(["query: f16 [1, 2, 512, 64]", "grid 2x16x16, layer 7", "1 frame of 32x16 pixels"]);
});
