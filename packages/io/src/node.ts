export {
  checkWritable,
  type FileSource,
  fileError,
  fileSource,
  isSameFile,
  type WriteOptions,
  withSafetensors,
  writeFileWhole,
  writeSafetensors,
} from "@spaattn/weights/node";
export * from "./node/capture-files.js";
export * from "./node/read-clip.js";

export { type WriteClipOptions, writeClip } from "./node/write-clip.js";
export { checkFfmpeg, type WriteVideoOptions, writeVideo } from "./node/write-video.js";
