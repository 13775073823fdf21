export * from "./node/file-source.js";
export * from "./node/tensor-files.js";
export * from "./node/write-file.js";
