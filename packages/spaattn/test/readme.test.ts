import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs and prints what it says", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toEqual(["1 x 2 x 1024 x 64 of f32", "131072 numbers, 12.5 % of the blocks computed"]);
});
