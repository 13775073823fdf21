import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs and prints what it says", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines[0]).toMatch(/^21\.4 TFLOP, \d+ MB of activations$/);
  expect(Number(lines[0].match(/(\d+) MB/)?.[1])).toBeLessThan(300);
});
