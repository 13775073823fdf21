import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  expect(lines).toEqual(["999 954 900 833 750 643 500 301", "-1.1258", "true", '"fish & chips" at dawn']);
});
