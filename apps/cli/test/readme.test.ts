import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { HostTensor } from "@spaattn/core";
import { npzChunks } from "@spaattn/io";
import { afterAll, beforeAll, expect, it } from "vitest";
import { spaattn, temporaryFolder, writeTestCapture, writeTestClip } from "./spaattn.js";

const { folder, path, remove } = temporaryFolder();
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const commands = [...readme.matchAll(/^spaattn (.+?)(?:\s+#.*)?$/gm)].map(([, line]) => line);
/** Files that only a model on a GPU writes: their commands are checked up to the file that is missing here. */
const ABSENT = /layer\*\.safetensors/;

/** `[1, tokens, heads, headDim]` as in the README: 226 text tokens in front of a grid of 21 x 30 x 52. */
function writeArrays(file: string): void {
  const shape = [1, 226 + 21 * 30 * 52, 1, 16];
  const waves = (phase: number) =>
    new HostTensor(
      "f32",
      shape,
      Float32Array.from({ length: shape[1] * 16 }, (_, i) => Math.sin(i * phase)),
    );
  writeFileSync(file, Buffer.concat([...npzChunks({ query: waves(0.37), key: waves(0.73), value: waves(0.11) })]));
}

beforeAll(async () => {
  await writeTestClip(path("clip.gif"));
  await writeTestCapture(path("capture.safetensors"));
  writeArrays(path("qkv.npz"));
});
afterAll(remove);

it("has commands to run", () => expect(commands.length).toBeGreaterThan(6));

it.each(commands)("spaattn %s", async (line) => {
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  const { code, error } = await spaattn(args, { cwd: folder });
  if (ABSENT.test(line)) {
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining("there is no such file") });
    return;
  }
  expect(code, error).toBe(0);
  for (const file of args.filter((arg) => /\.(html|png|npz|safetensors)$/.test(arg)))
    expect(existsSync(path(file)), file).toBe(true);
});
