import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import koffi from "koffi";

const source = fileURLToPath(new URL("./cuda-stub.c", import.meta.url));

/** Where the real cuda.h is; undefined without a CUDA toolkit. */
export function cudaInclude(): string | undefined {
  const nvcc = spawnSync("sh", ["-c", "readlink -f $(command -v nvcc)"], { encoding: "utf8" }).stdout.trim();
  const roots = [process.env.CUDA_HOME, nvcc && dirname(dirname(nvcc)), "/usr/local/cuda", "/opt/cuda"];
  const folders = roots.flatMap((root) => (root ? [`${root}/include`, `${root}/targets/x86_64-linux/include`] : []));
  return folders.find((folder) => existsSync(join(folder, "cuda.h")));
}

/** Why the stub cannot be built here; undefined when it can. */
export function missingForStub(): string | undefined {
  if (process.platform !== "linux") return "the stub driver is built on Linux only";
  if (!cudaInclude()) return "cuda.h was not found (set CUDA_HOME)";
  return spawnSync("cc", ["--version"]).status === 0 ? undefined : "no C compiler was found";
}

/** The recording driver, compiled against the real cuda.h, and what tests look at. */
export function buildStub() {
  const path = join(mkdtempSync(join(tmpdir(), "spaattn-stub-")), "libcuda-stub.so");
  const flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1"];
  execFileSync("cc", [...flags, `-I${cudaInclude()}`, "-o", path, source]);
  const library = koffi.load(path);
  return {
    path,
    log: library.func("const char *stub_log()") as () => string,
    reset: library.func("void stub_reset()") as () => void,
    configure: library.func("void stub_configure(int, int, int)") as (v: number, c: number, d: number) => void,
    fail: library.func("void stub_fail(const char *, int, int)") as (
      name: string,
      status: number,
      after: number,
    ) => void,
    context: library.func("int64_t stub_context()") as () => number,
    busy: library.func("void stub_busy(int)") as (on: number) => void,
    liveBytes: library.func("double stub_live_bytes()") as () => number,
    liveHandles: library.func("int stub_live_handles()") as () => number,
  };
}
export type Stub = ReturnType<typeof buildStub>;
