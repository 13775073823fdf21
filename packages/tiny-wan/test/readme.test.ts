import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  expect(await runReadme(fileURLToPath(new URL("..", import.meta.url)))).toEqual([
    "33 frames of 160 x 96",
    "27.3 MB in 13 files",
  ]);
});
