export * from "./node/capture-files.js";
export * from "./node/file-source.js";
export * from "./node/read-clip.js";
export { type WriteClipOptions, writeClip } from "./node/sharp-clip.js";
export * from "./node/tensor-files.js";
export * from "./node/write-file.js";
