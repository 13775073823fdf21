import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toEqual(["42 segments, 28.6 GB of weights, 6.52 PFLOP"]);
});
