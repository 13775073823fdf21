import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs and finds nothing wrong", async () => {
  expect(await runReadme(fileURLToPath(new URL("..", import.meta.url)))).toEqual(["0 failed"]);
});
