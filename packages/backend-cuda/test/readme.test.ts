import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";
import { cuda } from "../src/index.js";

const probe = await cuda.probe();
if (!probe.available) console.warn(`SKIPPED the GPU half of backend-cuda's README: ${probe.reason}`);

it("the README's example runs, and says what is missing where there is no GPU", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toHaveLength(1);
  if (probe.available) expect(lines[0]).toBe(`${probe.device} pool -> summarize -> estimate -> attend 1`);
  else expect(lines[0]).toMatch(/^no CUDA: The CUDA driver library .* could not be loaded\. Install the NVIDIA driver/);
});
