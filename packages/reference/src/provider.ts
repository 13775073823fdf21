import type { Backend } from "@spaattn/attention";
import type { BackendProvider, Device } from "@spaattn/core";
import { attentionBackend } from "./backend.js";
import { network } from "./device.js";

/** The oracle: float64 throughout, on host tensors, unfused, on the calling thread. */
export const reference: BackendProvider<object, Backend & Device> = {
  name: "reference",
  probe: async () => ({ available: true, device: "float64 in TypeScript" }),
  create: async () => ({ ...attentionBackend, ...network }),
};
