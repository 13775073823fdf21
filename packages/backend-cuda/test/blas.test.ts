import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostTensor, type Tensor } from "@spaattn/core";
import { Builder, type LinearOptions } from "@spaattn/nn";
import koffi from "koffi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { cublasPaths } from "../src/blas/find.js";
import { cuda } from "../src/index.js";
import { buildStub, missingForStub } from "./stub/stub.js";

const missing = missingForStub();
if (missing) console.warn(`SKIPPED cuBLASLt against a stub: ${missing}`);

afterEach(() => vi.unstubAllEnvs());

describe("looking for cuBLASLt", () => {
  it("takes the path given, and no other", () => {
    expect(cublasPaths("/somewhere/libcublasLt.so")).toEqual(["/somewhere/libcublasLt.so"]);
  });

  it("knows the packages of Python environments and the toolkit", () => {
    const root = mkdtempSync(join(tmpdir(), "spaattn-blas-"));
    const folder = join(root, "lib", "python3.12", "site-packages", "nvidia", "cu13", "lib");
    mkdirSync(folder, { recursive: true });
    const name = process.platform === "win32" ? "cublasLt64_13.dll" : "libcublasLt.so.13";
    writeFileSync(join(folder, name), "");
    vi.stubEnv("VIRTUAL_ENV", root);
    if (process.platform !== "win32") expect(cublasPaths()).toContain(join(folder, name));
    mkdirSync(join(root, "lib64"));
    writeFileSync(join(root, "lib64", name), "");
    vi.stubEnv("CUDA_HOME", root);
    expect(cublasPaths()).toContain(join(root, "lib64", name));
  });

  it("refuses a path that is none", async () => {
    if (missing) return;
    const stub = buildStub();
    await expect(cuda.create({ library: stub.path, blas: "/nowhere/libcublasLt.so" })).rejects.toMatchObject({
      code: "BackendUnavailable",
    });
    stub.reset();
  });
});

describe.skipIf(missing !== undefined)("linears through cuBLASLt", () => {
  const path = join(mkdtempSync(join(tmpdir(), "spaattn-blas-")), "libcublasLt-stub.so");
  const source = fileURLToPath(new URL("./stub/cublaslt-stub.c", import.meta.url));
  const stub = () => {
    execFileSync("cc", ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1", "-o", path, source]);
    const library = koffi.load(path);
    return {
      log: library.func("const char *blas_log()") as () => string,
      live: library.func("int blas_live()") as () => number,
    };
  };

  it("take what its epilogues express, with an algorithm chosen once per shape", async () => {
    const driver = buildStub();
    const blas = stub();
    const backend = await cuda.create({ library: driver.path, blas: path });
    const compile = async (n: number, options: (g: Builder) => LinearOptions) => {
      const g = new Builder({ dtype: "bf16", weightDtype: "bf16" });
      const x = g.input("x", "bf16", [1, 100, 64]);
      g.output("y", g.linear(x, { weight: g.weight("w", [n, 64]), bias: g.weight("b", [n]) }, options(g)));
      const plan = g.build();
      const program = await backend.compile(plan);
      const bindings: Record<string, Tensor> = {};
      for (const [name, { dtype, shape }] of Object.entries(plan.values))
        bindings[name] = backend.upload(new HostTensor(dtype, shape));
      await program.run(bindings);
      return program.describe()[0].kernel;
    };
    expect(await compile(128, () => ({ activation: "gelu-tanh" }))).toBe("cublasLt");
    expect(await compile(128, () => ({ activation: "gelu-tanh" }))).toBe("cublasLt");
    expect(await compile(128, (g) => ({ residual: g.input("r", "bf16", [1, 100, 128]) }))).toBe("cublasLt");
    const log = blas.log().split("\n");
    expect(log.filter((line) => line.startsWith("layout"))).toHaveLength(6);
    expect(log.slice(0, 5)).toEqual([
      "set 3=1",
      "set 7=36",
      "layout 14 64 x 128 ld 64",
      "layout 14 64 x 100 ld 64",
      "layout 14 128 x 100 ld 128",
    ]);
    const products = log.filter((line) => line.startsWith("matmul"));
    expect(products).toEqual(
      ["beta=0 own=1", "beta=0 own=1", "beta=1 own=0"].map((how) => `matmul ${how} stream=600000001230`),
    );
    // Neither a gate nor an activation it does not have, nor a shape it has no algorithm for.
    expect(await compile(128, () => ({ activation: "silu" }))).toMatch(/^gemm-sm90/);
    expect(await compile(128, (g) => ({ gate: g.input("g", "f32", [1, 1, 128]) }))).toMatch(/^gemm-sm90/);
    driver.reset();
    await compile(4096, () => ({}));
    expect(driver.log()).toMatch(/launch gemm90_bf16_/);
    backend.dispose();
    expect([driver.liveBytes(), driver.liveHandles(), blas.live()]).toEqual([0, 0, 0]);
  });
});
