import { type WriteOptions, withSafetensors, writeSafetensors } from "@spaattn/weights/node";
import type { Capture, CaptureInput } from "../capture/capture.js";
import { readCapture } from "../capture/read.js";
import { captureContents } from "../capture/write.js";

/**
 * Reads a capture file.
 *
 * @throws SpaAttnError FileAccess or MalformedFile
 */
export const readCaptureFile = (path: string): Promise<Capture> => withSafetensors(path, readCapture);

/**
 * Writes a capture file; see docs/capture-format.md.
 *
 * @throws RangeError when shapes and facts disagree.
 * @throws SpaAttnError FileAccess, also when the file exists and `force` is not set.
 */
export async function writeCaptureFile(path: string, capture: CaptureInput, options: WriteOptions = {}): Promise<void> {
  const { tensors, metadata } = captureContents(capture);
  await writeSafetensors(path, tensors, { ...options, metadata });
}
