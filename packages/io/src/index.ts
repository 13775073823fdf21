export {
  type ByteInput,
  type ByteSource,
  blobSource,
  bytesSource,
  encodeSafetensors,
  type NamedTensors,
  openSafetensors,
  Safetensors,
  type SafetensorsEntry,
  type SafetensorsHeader,
  safetensorsChunks,
} from "@spaattn/weights";
export { type Capture, type CaptureInfo, type CaptureInput, captureSpec } from "./capture/capture.js";
export { isCapture, readCapture } from "./capture/read.js";
export { captureContents } from "./capture/write.js";
export { type Clip, checkClip, clipFrame } from "./clip/clip.js";
export { encodePng, type Picture } from "./clip/png.js";
export { type Npz, npzChunks, openNpz } from "./npy/npz.js";
export { readNpy } from "./npy/read.js";
export { encodeNpy, npyChunks } from "./npy/write.js";
