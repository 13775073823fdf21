import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const bin = fileURLToPath(new URL("../bin/spaattn.mjs", import.meta.url));

it("says nothing when the reader of a pipe has seen enough", async () => {
  const child = spawn(process.execPath, [bin, "models"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let error = "";
  child.stderr.on("data", (chunk) => {
    error += chunk;
  });
  const [code] = await once(child, "exit");
  expect({ code, error }).toEqual({ code: 0, error: "" });
});
