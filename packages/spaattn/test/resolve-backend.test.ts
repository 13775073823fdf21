import type { BackendProvider } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { reference } from "@spaattn/reference";
import { describe, expect, it } from "vitest";
import { isSpaAttnError, KNOWN_BACKENDS, requiredBackends, resolveBackend } from "../src/index.js";

const mine: BackendProvider = { ...reference, name: "mine" };
const other: BackendProvider = { ...reference, name: "other" };
const notFound = (specifier: string) =>
  Object.assign(new Error(`Cannot find package '${specifier}' imported from here`), { code: "ERR_MODULE_NOT_FOUND" });

describe("resolveBackend", () => {
  it("knows the CPU backend and passes providers through", async () => {
    expect(await resolveBackend("cpu")).toBe(cpu);
    expect(await resolveBackend(mine)).toBe(mine);
    expect((await resolveBackend("reference")).name).toBe("reference");
  });

  it("imports a known name by its package, anything else as it is", async () => {
    const asked: string[] = [];
    const load = async (specifier: string) => {
      asked.push(specifier);
      return { mine };
    };
    for (const { name } of KNOWN_BACKENDS.filter(({ name }) => name !== "cpu"))
      await resolveBackend(name, { import: load });
    expect(await resolveBackend("someones-backend", { import: load })).toBe(mine);
    expect(asked).toEqual([
      "@spaattn/backend-webgpu",
      "@spaattn/backend-cuda",
      "@spaattn/reference",
      "someones-backend",
    ]);
  });

  it("prefers the default export and refuses to guess", async () => {
    expect(await resolveBackend("x", { import: async () => ({ default: mine, other }) })).toBe(mine);
    expect(await resolveBackend("x", { import: async () => ({ mine, alias: mine }) })).toBe(mine);
    await expect(resolveBackend("x", { import: async () => ({ mine, other }) })).rejects.toThrow(
      'backend "x" exports several providers (mine, other); make one the default export',
    );
    await expect(resolveBackend("x", { import: async () => ({ create: 1 }) })).rejects.toThrow(
      'backend "x" exports no BackendProvider',
    );
  });

  it("says how to install what is missing", async () => {
    const failure = await resolveBackend("webgpu", {
      import: async (specifier) => {
        throw notFound(specifier);
      },
    }).catch((error: unknown) => error);
    expect(isSpaAttnError(failure, "BackendUnavailable")).toBe(true);
    expect(failure).toMatchObject({
      message: 'Backend "webgpu" is not installed.',
      remedy: expect.stringContaining("npm install @spaattn/backend-webgpu"),
    });
    await expect(resolveBackend("a-package-that-does-not-exist")).rejects.toMatchObject({ code: "BackendUnavailable" });
    await expect(resolveBackend("./no-such-backend.js")).rejects.toMatchObject({
      message: "Backend file ./no-such-backend.js does not exist.",
    });
  });

  it("tells a broken module from a missing one", async () => {
    const broken = async () => {
      throw new SyntaxError("Unexpected token");
    };
    await expect(resolveBackend("x", { import: broken })).rejects.toMatchObject({
      code: "BackendUnavailable",
      message: expect.stringMatching(
        /^Backend "x" cannot be loaded: Unexpected token \(.*resolve-backend\.test\.ts:\d+\)\.$/,
      ),
    });
    const inner = async () => {
      throw notFound("its-dependency");
    };
    await expect(resolveBackend("x", { import: inner })).rejects.toMatchObject({
      message: expect.stringContaining("cannot be loaded: Cannot find package 'its-dependency'"),
    });
  });
});

describe("names that are nearly right", () => {
  const missing = {
    import: async (specifier: string) => {
      throw notFound(specifier);
    },
  };
  it.each([
    ["CPU", "cpu"],
    ["WebGPU", "webgpu"],
    ["CUDA", "cuda"],
    ["webgp", "webgpu"],
    ["wegbpu", "webgpu"],
    ["cdua", "cuda"],
    ["wasm", "cpu"],
    ["referense", "reference"],
  ])("%s: did you mean %s?", async (name, meant) => {
    const failure = await resolveBackend(name, missing).catch((error: unknown) => error);
    expect(isSpaAttnError(failure, "BackendUnavailable")).toBe(true);
    const { message, remedy } = failure as { message: string; remedy: string };
    expect(`${message} ${remedy}`).toContain(`Did you mean "${meant}"?`);
    expect(message).not.toContain("install");
  });

  it("guesses nothing for names that are far from all", async () => {
    await expect(resolveBackend("my-own", missing)).rejects.toMatchObject({
      message: 'Backend "my-own" is not installed.',
      remedy: expect.not.stringContaining("Did you mean"),
    });
    await expect(resolveBackend("mine.mjs", missing)).rejects.toMatchObject({
      message: "Backend file mine.mjs does not exist.",
    });
  });
});

describe("requiredBackends", () => {
  it("reads a list from SPAATTN_REQUIRE", () => {
    expect(requiredBackends({ SPAATTN_REQUIRE: " webgpu, cuda,," })).toEqual(["webgpu", "cuda"]);
    expect(requiredBackends({})).toEqual([]);
  });
});
