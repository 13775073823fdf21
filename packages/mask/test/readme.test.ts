import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line).toMatch(/^[01] [01] [01]$/);
});
