import { SpaAttnError, type SpaAttnErrorCode } from "@spaattn/core";

interface Meaning {
  readonly code: SpaAttnErrorCode;
  readonly remedy: string;
}

const LOST: Meaning = {
  code: "DeviceLost",
  remedy: "Dispose the backend and create a new one; if it happens again in the same process, restart the process.",
};
const NO_DEVICE: Meaning = {
  code: "BackendUnavailable",
  remedy: "Check that `nvidia-smi` lists a GPU and that CUDA_VISIBLE_DEVICES does not hide it, or use another backend.",
};
const OLD_DRIVER: Meaning = {
  code: "BackendUnavailable",
  remedy: "Install an NVIDIA driver of version 580 or later, or use another backend.",
};
const INTERNAL: Meaning = {
  code: "Unsupported",
  remedy: "Check that wrapped pointers and streams belong to this device and are still alive.",
};

/** What the statuses of the driver mean to a user (CUresult in cuda.h). */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  2: { code: "OutOfMemory", remedy: "Free tensors, use fewer heads per call, or a GPU with more memory." },
  3: OLD_DRIVER,
  4: LOST,
  34: OLD_DRIVER,
  46: { ...NO_DEVICE, remedy: "Another process holds the GPU exclusively; end it or use another GPU." },
  100: NO_DEVICE,
  101: NO_DEVICE,
  201: { code: "DeviceLost", remedy: LOST.remedy },
  209: {
    code: "BackendUnavailable",
    remedy: "The kernels need compute capability 8.0 or later (Ampere); use another backend.",
  },
  214: LOST,
  218: OLD_DRIVER,
  222: OLD_DRIVER,
  700: LOST,
  702: LOST,
  709: LOST,
  714: LOST,
  715: LOST,
  716: LOST,
  717: LOST,
  718: LOST,
  719: LOST,
  803: OLD_DRIVER,
  804: OLD_DRIVER,
  999: LOST,
};

/** A status of the driver API as a typed error. */
export class CudaStatusError extends SpaAttnError {
  constructor(
    readonly status: number,
    readonly statusName: string,
    readonly call: string,
    detail = "",
  ) {
    const { code, remedy } = MEANINGS[status] ?? INTERNAL;
    super(code, `${call} failed${detail}: ${statusName} (${status}).`, { remedy });
  }
}
