import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { spaattn, temporaryFolder, writeTestCapture, writeTestClip } from "./spaattn.js";

const { folder, path, remove } = temporaryFolder();
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const commands = [...readme.matchAll(/^spaattn (.+)$/gm)].map(([, line]) => line);

beforeAll(async () => {
  await writeTestClip(path("clip.gif"));
  await writeTestCapture(path("capture.safetensors"));
});
afterAll(remove);

it("has commands to run", () => expect(commands.length).toBeGreaterThan(6));

it.each(commands)("spaattn %s", async (line) => {
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  const { code, error } = await spaattn(args, { cwd: folder });
  expect(code, error).toBe(0);
  for (const file of args.filter((arg) => /\.(html|png|safetensors)$/.test(arg)))
    expect(existsSync(path(file)), file).toBe(true);
});
