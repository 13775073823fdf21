import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("the kernels and the worker in src/generated are what their sources compile to", async () => {
  const script = fileURLToPath(new URL("../scripts/build-generated.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--check"]);
  expect(stdout).toContain("up to date");
}, 400_000);
