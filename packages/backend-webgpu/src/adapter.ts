import { SpaAttnError } from "@spaattn/core";
import type { WebGpuOptions } from "./options.js";
import { requiredFeatures, requiredLimits } from "./requirements.js";

const REMEDY =
  "In a browser, use one with WebGPU over https or localhost. In Node, install npm `webgpu` and a Vulkan, Metal or D3D12 driver.";

export const unavailable = (message: string, cause?: unknown): SpaAttnError =>
  new SpaAttnError("BackendUnavailable", message, { remedy: REMEDY, cause });

/** Dawn aborts the process when the object its `create` returned is collected before its devices. */
const keepAlive: GPU[] = [];

/** `navigator.gpu`, or Dawn through the optional package `webgpu` in Node. */
export async function gpuEntry(dawn: readonly string[] = []): Promise<GPU> {
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (own) return own;
  if (typeof process === "undefined" || !process.versions?.node)
    throw unavailable("This browser has no WebGPU (navigator.gpu is missing).");
  const name = "webgpu";
  let binding: { create(options: string[]): GPU; globals: object };
  try {
    binding = await import(/* @vite-ignore */ name);
  } catch (cause) {
    throw unavailable("The package `webgpu` is not installed, or does not load on this system.", cause);
  }
  for (const [key, value] of Object.entries(binding.globals))
    if (!(key in globalThis)) Object.defineProperty(globalThis, key, { value, configurable: true, writable: true });
  const gpu = binding.create([...dawn]);
  keepAlive.push(gpu);
  return gpu;
}

/** An adapter, with its own words on why there is none. */
export async function requestAdapter(options: WebGpuOptions): Promise<GPUAdapter> {
  const gpu = await gpuEntry(options.dawn);
  const { powerPreference = "high-performance" } = options;
  const adapter = await gpu.requestAdapter({ powerPreference }).catch((cause: unknown) => {
    throw unavailable("Asking for a WebGPU adapter failed.", cause);
  });
  if (adapter) return adapter;
  throw unavailable("WebGPU is here, but it offers no adapter (no usable graphics driver).");
}

/** A device of our own with everything the kernels profit from. */
export async function requestDevice(options: WebGpuOptions): Promise<GPUDevice> {
  const adapter = await requestAdapter(options);
  const left = new Set(options.withoutFeatures ?? []);
  try {
    return await adapter.requestDevice({
      label: "spaattn",
      requiredFeatures: requiredFeatures(adapter).filter((name) => !left.has(name)),
      requiredLimits: options.defaultLimits ? {} : requiredLimits(adapter),
    });
  } catch (cause) {
    throw unavailable("The WebGPU adapter gave no device.", cause);
  }
}
