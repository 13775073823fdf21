import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type WebGpuBackend, type WebGpuOptions, webgpu } from "@spaattn/backend-webgpu";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const DRIVER = at("../../../.cache/vulkan/lvp_icd.json");
const GOLDENS = at("../../../../shared/golden/");

export const required = process.env.CI === "true" || (process.env.SPAATTN_REQUIRE ?? "").includes("webgpu");

// The driver of tooling/setup-vulkan.mjs, unless the caller chose another; its compiled kernels are kept between runs.
if (!process.env.VK_ICD_FILENAMES && existsSync(DRIVER)) process.env.VK_ICD_FILENAMES = DRIVER;
process.env.MESA_SHADER_CACHE_DIR ??= at("../../../.cache/mesa");
process.env.XDG_RUNTIME_DIR ??= "/tmp";

const probe = await webgpu.probe();
if (!probe.available && required) throw new Error(`CI needs a WebGPU adapter: ${probe.reason} ${probe.remedy}`);
if (!probe.available)
  console.warn(
    `SKIPPED: no WebGPU adapter (${probe.reason}); run "node tooling/setup-vulkan.mjs" for a software driver.`,
  );

/** True when WGSL can run here. */
export const available = probe.available;

const backends: WebGpuBackend[] = [];

/** A backend for one test file; `closeAll` disposes it. */
export async function open(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const backend = await webgpu.create(options);
  backends.push(backend);
  return backend;
}

export function closeAll(): void {
  for (const backend of backends.splice(0)) backend.dispose();
}

/** Golden case files whose name contains `filter`; empty, loudly, when they are not here. */
export function goldenFiles(filter: string): string[] {
  if (!existsSync(GOLDENS)) {
    console.warn(
      `SKIPPED: the golden files are not here (${GOLDENS}); the webgpu backend was not checked against them.`,
    );
    return [];
  }
  return readdirSync(GOLDENS).filter((name) => name.endsWith(".safetensors") && name.includes(filter));
}

export const goldenBytes = async (name: string): Promise<Uint8Array> => readFileSync(GOLDENS + name);
