import { PEAK_KERNEL } from "./bench/generated/peak.js";
import { measureOperations, operationLine } from "./bench/network.js";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
const bytes = Uint8Array.from(atob(PEAK_KERNEL), (c) => c.charCodeAt(0));
const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
const peak = (passes) => instance.exports.peak(passes, 1);
for (const kernel of (process.argv[3] ?? "simd").split(",")) {
  console.log(kernel);
  for (const r of await measureOperations(Number(process.argv[4] ?? 15), peak, kernel, process.argv[2] ?? ""))
    console.log(operationLine(r));
}
