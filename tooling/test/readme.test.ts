import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runReadme } from "../readme-example.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

it("the root README's example runs", async () => {
  expect(await runReadme(root)).toEqual(["1 x 2 x 1024 x 64"]);
});

it("the root README's links and pictures exist", () => {
  const readme = readFileSync(`${root}/README.md`, "utf8");
  const targets = [...readme.matchAll(/\]\(([^)]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !target.startsWith("http"));
  expect(targets.length).toBeGreaterThan(15);
  expect(targets.filter((target) => !existsSync(`${root}/${target}`))).toEqual([]);
});
