import type { BackendProvider, ProbeResult } from "@spaattn/attention";
import { checkFields, checkFlag, describeValue, isSpaAttnError } from "@spaattn/core";
import { requestAdapter, requestDevice } from "./adapter.js";
import { WebGpuBackend } from "./backend.js";
import { Device } from "./device.js";
import type { WebGpuOptions } from "./options.js";

const FIELDS: readonly (keyof WebGpuOptions)[] = [
  "device",
  "powerPreference",
  "dawn",
  "withoutFeatures",
  "defaultLimits",
  "maxDispatchFlops",
];

async function probe(): Promise<ProbeResult> {
  try {
    const adapter = await requestAdapter({});
    const { vendor, architecture, device, description } = adapter.info;
    return {
      available: true,
      device: description || [vendor, architecture, device].filter(Boolean).join(" "),
      details: { vendor, architecture, features: [...adapter.features].sort().join(", ") },
    };
  } catch (error) {
    const remedy = isSpaAttnError(error) ? error.remedy : "Update the graphics driver.";
    return { available: false, reason: error instanceof Error ? error.message : String(error), remedy };
  }
}

/** A provider whose backends can also wrap buffers of yours. */
export interface WebGpuProvider extends BackendProvider<WebGpuOptions> {
  create(options?: WebGpuOptions): Promise<WebGpuBackend>;
}

/** Attention on WebGPU: in the browser, and in Node through npm `webgpu`. */
export const webgpu: WebGpuProvider = {
  name: "webgpu",
  probe,
  async create(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
    const { device, maxDispatchFlops } = options;
    checkFields("options", options, FIELDS);
    checkFlag("options.defaultLimits", options.defaultLimits);
    if (maxDispatchFlops !== undefined && !(typeof maxDispatchFlops === "number" && maxDispatchFlops > 0))
      throw new RangeError(`options.maxDispatchFlops must be positive, got ${describeValue(maxDispatchFlops)}`);
    if (device !== undefined && typeof device?.createComputePipelineAsync !== "function")
      throw new TypeError(`options.device must be a GPUDevice, got ${describeValue(device)}`);
    const gpu = device ?? (await requestDevice(options));
    const state = await Device.open(gpu, device === undefined, options);
    // A device that was lost before we got it says so now rather than at the first run.
    await Promise.race([gpu.lost, Promise.resolve()]);
    state.assertAlive();
    return new WebGpuBackend(state);
  },
};
