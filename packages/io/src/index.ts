export { type ByteInput, type ByteSource, blobSource, bytesSource } from "./byte-source.js";
export type { SafetensorsEntry, SafetensorsHeader } from "./safetensors/header.js";
export { openSafetensors, Safetensors } from "./safetensors/read.js";
export { encodeSafetensors, type NamedTensors, safetensorsChunks } from "./safetensors/write.js";
