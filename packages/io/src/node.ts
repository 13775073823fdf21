export {
  type FileSource,
  fileSource,
  type WriteOptions,
  withSafetensors,
  writeFileWhole,
  writeSafetensors,
} from "@spaattn/weights/node";
export * from "./node/capture-files.js";
export * from "./node/read-clip.js";
export { type WriteClipOptions, writeClip } from "./node/sharp-clip.js";
