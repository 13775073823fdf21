import type { BackendProvider, ProbeResult } from "@spaattn/attention";
import { checkFields, describeValue, isSpaAttnError, SpaAttnError } from "@spaattn/core";
import { CudaBackend } from "./backend.js";
import { CudaDevice, capabilityOf } from "./device.js";
import type { CudaDriver } from "./driver/driver.js";

export interface CudaOptions {
  /** Which GPU, as the driver numbers them; default 0. */
  readonly device?: number;
  /** Path of the driver library; default `libcuda.so.1` or `nvcuda.dll`. */
  readonly library?: string;
  /** Another way to call the driver than koffi. */
  readonly driver?: CudaDriver;
}

/** The kernels are compiled by CUDA 13.0, whose code needs a driver that knows it. */
const LEAST_DRIVER = 13000;
const LEAST_CAPABILITY = 80;

// Imported late: loading the package must do nothing, and koffi loads native code.
const openDriver = async (options: CudaOptions): Promise<CudaDriver> => {
  if (options.driver) return options.driver;
  const { KoffiDriver } = await import("./driver/koffi-driver.js");
  return new KoffiDriver(options.library);
};

/** Why this device cannot be used; undefined when it can. */
function obstacle(driver: CudaDriver, ordinal: number): { reason: string; remedy: string } | undefined {
  const version = driver.version();
  if (version < LEAST_DRIVER)
    return {
      reason: `the NVIDIA driver supports CUDA ${versionText(version)}, but the kernels need ${versionText(LEAST_DRIVER)}`,
      remedy: "Install an NVIDIA driver of version 580 or later (the CUDA toolkit is not needed).",
    };
  const count = driver.deviceCount();
  if (ordinal >= count)
    return {
      reason: count === 0 ? "the driver sees no GPU" : `there is no device ${ordinal}, only ${count}`,
      remedy: "Check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or choose another device.",
    };
  const capability = capabilityOf(driver, ordinal);
  if (capability < LEAST_CAPABILITY)
    return {
      reason: `${driver.deviceName(ordinal)} has compute capability ${capability / 10}, but the kernels need 8.0 (Ampere)`,
      remedy: "Use a newer GPU, or another backend.",
    };
  return undefined;
}

const versionText = (version: number) => `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;

export interface CudaProvider extends BackendProvider<CudaOptions> {
  create(options?: CudaOptions): Promise<CudaBackend>;
}

/** NVIDIA GPUs from Ampere on, through the installed driver alone. */
export const cuda: CudaProvider = {
  name: "cuda",

  async probe(): Promise<ProbeResult> {
    try {
      const driver = await openDriver({});
      const found = obstacle(driver, 0);
      if (found) return { available: false, ...found };
      const { free, total } = memoryOf(driver);
      const gb = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
      const details = {
        driver: `CUDA ${versionText(driver.version())}`,
        capability: String(capabilityOf(driver, 0) / 10),
        memory: `${gb(free)} free of ${gb(total)}`,
        devices: String(driver.deviceCount()),
      };
      return { available: true, device: driver.deviceName(0), details };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { available: false, reason, remedy: isSpaAttnError(error) ? error.remedy : "Check the NVIDIA driver." };
    }
  },

  async create(options: CudaOptions = {}): Promise<CudaBackend> {
    checkFields("options", options, ["device", "library", "driver"]);
    const { device: ordinal = 0 } = options;
    if (!Number.isSafeInteger(ordinal) || ordinal < 0)
      throw new RangeError(`options.device must be a non-negative integer, got ${describeValue(ordinal)}`);
    const driver = await openDriver(options);
    const found = obstacle(driver, ordinal);
    if (found)
      throw new SpaAttnError("BackendUnavailable", `CUDA is not available: ${found.reason}.`, { remedy: found.remedy });
    return new CudaBackend(new CudaDevice(driver, ordinal));
  },
};

function memoryOf(driver: CudaDriver): { free: number; total: number } {
  driver.setContext(driver.retainContext(0));
  try {
    return driver.memoryInfo();
  } finally {
    driver.releaseContext(0);
  }
}
