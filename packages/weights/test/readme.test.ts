import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toEqual(["WanPipeline: transformer", "1 layer, proj_out: bf16 [64, 1536]", "8 rows: [8, 1536]"]);
});
