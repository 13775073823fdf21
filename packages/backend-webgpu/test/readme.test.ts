import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";
import { available } from "./support.js";

it.skipIf(!available)(
  "runs the README's example",
  async () => {
    const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
    expect(lines[0]).toBe("1 x 2 x 512 x 64");
    expect(lines.at(-1)).toContain("attend.tile");
  },
  120_000,
);

it.skipIf(!available)(
  "runs the README's network",
  async () => {
    const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)), 1);
    expect(lines[0]).toBe("1 x 512 x 256");
    // In chunks of rows, since memory is limited.
    expect(lines.filter((line) => line.startsWith("norm: ")).length).toBeGreaterThan(1);
  },
  120_000,
);
