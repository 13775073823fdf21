export {
  type ByteInput,
  type ByteSource,
  blobSource,
  bytesSource,
  readBytes,
  toSource,
} from "./byte-source.js";
export { blobFolder } from "./folder/blobs.js";
export { type Folder, readFile, readJson, readText } from "./folder/folder.js";
export { type HttpOptions, httpFolder } from "./folder/http.js";
export { memoryFolder } from "./folder/memory.js";
export { malformed } from "./malformed.js";
export { type Component, type ModelFolder, openFolder } from "./model-folder.js";
export { bytesOf, readTensor } from "./read-tensor.js";
export { fileTypeBits, fileTypeReadAs, fileTypeToDType } from "./safetensors/dtypes.js";
export type { SafetensorsEntry, SafetensorsHeader } from "./safetensors/header.js";
export { openSafetensors, Safetensors } from "./safetensors/read.js";
export type { Rows } from "./safetensors/read-rows.js";
export { encodeSafetensors, type NamedTensors, safetensorsChunks } from "./safetensors/write.js";
export { scaledWeights } from "./scaled.js";
export { openWeights, type WeightFiles } from "./weights/open.js";
export type { ReadOptions, StreamOptions, WeightEntry, Weights } from "./weights/weights.js";
