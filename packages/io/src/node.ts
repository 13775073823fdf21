export * from "./node/capture-files.js";
export { fileError } from "./node/file-error.js";
export * from "./node/file-source.js";
export * from "./node/read-clip.js";
export { checkWritable, isSameFile } from "./node/target.js";
export * from "./node/tensor-files.js";
export { type WriteClipOptions, writeClip } from "./node/write-clip.js";
export * from "./node/write-file.js";
