import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's examples run and find nothing wrong", async () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  expect(await runReadme(folder)).toEqual(["0 failed"]);
  expect(await runReadme(folder, 1)).toEqual(["0 "]);
});
