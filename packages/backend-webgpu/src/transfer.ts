import { type ByteSource, byteLength, elementCount, exactly, SpaAttnError } from "@spaattn/core";
import type { GpuTensor } from "./tensor.js";

/** Bytes handed to the queue before it is waited for: it keeps a copy of all of them. */
const IN_FLIGHT_BYTES = 64 * 2 ** 20;

/** Fills a tensor with bytes, piece by piece; the queue takes whole words only, so the rest of a piece waits for the next. */
export async function writeTensor(tensor: GpuTensor, source: ByteSource): Promise<void> {
  const { device, buffer, offset } = tensor;
  if (!(buffer.usage & GPUBufferUsage.COPY_DST))
    throw new TypeError("buffer.usage must include COPY_DST for a wrapped tensor to be written");
  const { queue } = device.gpu;
  let rest = new Uint8Array(0);
  let at = offset;
  let inFlight = 0;
  for await (const { piece } of exactly(tensor, byteLength(tensor), source)) {
    device.assertAlive();
    assertUsable(tensor);
    let bytes = piece;
    if (rest.length > 0) {
      bytes = new Uint8Array(rest.length + piece.length);
      bytes.set(rest);
      bytes.set(piece, rest.length);
    }
    const whole = bytes.length & ~3;
    if (whole > 0) queue.writeBuffer(buffer, at, bytes as Uint8Array<ArrayBuffer>, 0, whole);
    rest = bytes.slice(whole);
    at += whole;
    inFlight += whole;
    if (inFlight >= IN_FLIGHT_BYTES) {
      await queue.onSubmittedWorkDone();
      inFlight = 0;
    }
  }
  assertUsable(tensor);
  if (rest.length > 0) {
    const last = new Uint8Array(4);
    last.set(rest);
    queue.writeBuffer(buffer, at, last);
  }
  await device.memory.settled();
}

/** Copies elements as they are, in the queue's order. */
export async function copyTensor(from: GpuTensor, to: GpuTensor): Promise<void> {
  const { device } = from;
  if (from.dtype !== to.dtype || elementCount(from.shape) !== elementCount(to.shape))
    throw new RangeError(
      `tensors must match, got ${from.dtype} [${from.shape.join(", ")}] and ${to.dtype} [${to.shape.join(", ")}]`,
    );
  if (!(from.buffer.usage & GPUBufferUsage.COPY_SRC) || !(to.buffer.usage & GPUBufferUsage.COPY_DST))
    throw new TypeError("buffer.usage of wrapped tensors must include COPY_SRC and COPY_DST for a copy");
  const bytes = Math.ceil(byteLength(from) / 4) * 4;
  if (bytes === 0 || (from.buffer === to.buffer && from.offset === to.offset)) return;
  const encoder = device.gpu.createCommandEncoder({ label: "spaattn.copy" });
  if (from.buffer !== to.buffer) encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes);
  else {
    // One buffer may not be both ends of a copy.
    const between = device.memory.create("copy", bytes, GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
    encoder.copyBufferToBuffer(from.buffer, from.offset, between, 0, bytes);
    encoder.copyBufferToBuffer(between, 0, to.buffer, to.offset, bytes);
    device.gpu.queue.submit([encoder.finish()]);
    device.memory.destroy(between);
    return device.memory.settled();
  }
  device.gpu.queue.submit([encoder.finish()]);
}

function assertUsable(tensor: GpuTensor): void {
  if (tensor.disposed)
    throw new SpaAttnError("Disposed", "The tensor was disposed while it was written.", {
      remedy: "Keep it until write() is done.",
    });
}
