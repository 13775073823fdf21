import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../../../tooling/readme-example.js";

it("the README's example runs", async () => {
  const lines = await runReadme(fileURLToPath(new URL("..", import.meta.url)));
  const [dense, none, paper, tail, ...warnings] = lines;
  expect([dense, none, paper, tail].map((line) => line.split(" ")[0])).toEqual(["dense", "none", "paper", "tail"]);
  // It shows the one case in which tail loses, and must not do so without a word.
  expect(Number(tail.split(" ")[2])).toBeGreaterThan(Number(none.split(" ")[2]));
  expect(warnings.join(" ")).toContain("tail is further off than plain block-sparse attention");
});
