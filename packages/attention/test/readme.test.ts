import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs and prints what it says", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines[0]).toBe("pool -> summarize -> estimate -> attend");
  expect(lines[1]).toBe("at most 51 of 256 key blocks per row");
});
