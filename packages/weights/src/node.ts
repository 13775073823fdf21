export { directoryFolder } from "./node/directory.js";
export { fileError } from "./node/file-error.js";
export * from "./node/file-source.js";
export { checkWritable, isSameFile } from "./node/target.js";
export * from "./node/tensor-files.js";
export * from "./node/write-file.js";
