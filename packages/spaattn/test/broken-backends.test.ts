import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reference } from "@spaattn/reference";
import { describe, expect, it } from "vitest";
import { isSpaAttnError, probeBackend, rectifiedAttention, resolveBackend, startBackend } from "../src/index.js";
import { qkv } from "./inputs.js";

const provider = (changes: object) => ({ ...reference, name: "mine", ...changes }) as typeof reference;
const never = () => new Promise<never>(() => {});

describe("a provider whose create() is broken", () => {
  it.each([
    ["gives an empty object", async () => ({}), "it has no name, capabilities"],
    ["gives nothing", async () => undefined, "it is undefined"],
    ["gives no promise and nothing", () => undefined, "it is undefined"],
    ["gives null", async () => null, "it is null"],
    ["gives a string", async () => "ready", 'it is "ready"'],
    [
      "gives half a backend",
      async () => {
        const { name, capabilities } = await reference.create();
        return { name, capabilities };
      },
      "it has no allocate, upload, owns, prepare, dispose",
    ],
    [
      "forgets its capabilities' lists",
      async () => Object.assign(Object.create(await reference.create()), { capabilities: {} }),
      "capabilities list no dtypes",
    ],
    [
      "throws",
      () => {
        throw new Error("no such device");
      },
      /no such device \(.*broken-backends\.test\.ts:\d+\)/,
    ],
    ["rejects with no error", () => Promise.reject("gone"), 'could not be started: "gone"'],
    ["trips over its own code", async () => (undefined as never as { x: number }).x, /reading 'x'.*test\.ts:\d+/],
  ])("%s", async (_, create, words) => {
    const failure = await startBackend(provider({ create })).catch((error: unknown) => error);
    expect(isSpaAttnError(failure, "BackendUnavailable")).toBe(true);
    expect((failure as Error).message).toContain('Backend "mine" could not be started');
    expect((failure as Error).message).toMatch(words instanceof RegExp ? words : new RegExp(literal(words)));
  });

  it("never ends", async () => {
    const started = startBackend(provider({ create: never }), { patience: 20 });
    await expect(started).rejects.toThrow('Backend "mine" could not be started: create did not finish in 0.02 s');
  });

  it("reaches who calls rectifiedAttention", async () => {
    const [q, k, v] = qkv(256 * 64);
    const backend = provider({ create: async () => ({}) });
    await expect(rectifiedAttention(q, k, v, { heads: 1, headDim: 64, backend })).rejects.toMatchObject({
      code: "BackendUnavailable",
    });
    const empty = provider({
      create: async () =>
        Object.assign(Object.create(await reference.create()), { name: "mine", prepare: async () => {} }),
    });
    await expect(rectifiedAttention(q, k, v, { heads: 1, headDim: 64, backend: empty })).rejects.toThrow(
      'prepare() of backend "mine" must give a Program, got undefined',
    );
  });
});

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

describe("a provider whose probe() is broken answers all the same", () => {
  it.each([
    ["nothing", async () => undefined, "its probe() gave undefined"],
    ["true", async () => true, "its probe() gave true"],
    ["an empty object", async () => ({}), "available should be true or false"],
    ["no device", async () => ({ available: true }), "device should name"],
    ["no reason", async () => ({ available: false }), "reason should say"],
    ["no remedy", async () => ({ available: false, reason: "x" }), "remedy should say"],
    ["an exception", () => Promise.reject(new Error("boom")), "its probe() failed: boom"],
    ["no end", never, "probe did not finish"],
  ])("%s", async (_, probe, words) => {
    const result = await probeBackend(provider({ probe }), { patience: 20 });
    expect(result).toMatchObject({ available: false, reason: expect.stringContaining(words) });
  });

  it("leaves a good answer alone", async () => {
    expect(await probeBackend(reference)).toMatchObject({ available: true });
  });
});

describe("a backend file that cannot be loaded", () => {
  const write = async (text: string) => {
    const path = join(await mkdtemp(join(tmpdir(), "spaattn-broken-")), "mine.mjs");
    await writeFile(path, text);
    return path;
  };

  it("names the line that throws", async () => {
    const path = await write("const a = 1;\n\nmissing();\n");
    const load = () =>
      Promise.reject(Object.assign(new Error("missing is not defined"), { stack: `Error\n at ${path}:3:1` }));
    await expect(resolveBackend(path, { import: load })).rejects.toThrow(
      `Backend file ${path} cannot be loaded: missing is not defined (${path}:3).`,
    );
  });

  it("does not wait for ever", async () => {
    await expect(resolveBackend("./mine.mjs", { import: never, patience: 20 })).rejects.toThrow(
      "Backend file ./mine.mjs cannot be loaded: import did not finish in 0.02 s.",
    );
  });
});
