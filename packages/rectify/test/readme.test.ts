import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs, and the biases are in the range it names", async () => {
  const [line] = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  const bias = line.split(" ").map(Number);
  expect(bias).toHaveLength(4);
  for (const b of bias) expect(b > 0 && b < Math.log(8) + 1).toBe(true);
});
