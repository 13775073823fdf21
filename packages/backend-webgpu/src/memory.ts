import { SpaAttnError } from "@spaattn/core";

/** Creates buffers, counts them, and tells which allocation failed. */
export class Memory {
  /** Buffers alive, and their bytes. */
  live = 0;
  bytes = 0;
  #pending: Promise<SpaAttnError | undefined>[] = [];

  constructor(readonly device: GPUDevice) {}

  /**
   * A buffer of at least `size` bytes. Devices report exhausted memory later: `settled` rejects then.
   *
   * @throws SpaAttnError `OutOfMemory` when the device can have no buffer of this size.
   */
  create(label: string, size: number, usage: GPUBufferUsageFlags, data?: ArrayBufferView): GPUBuffer {
    const padded = Math.max(16, Math.ceil(size / 16) * 16);
    if (padded > this.device.limits.maxBufferSize)
      throw outOfMemory(label, size, `the device allows ${this.device.limits.maxBufferSize} bytes for one buffer`);
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({ label, size: padded, usage });
    this.#pending.push(
      this.device.popErrorScope().then(
        (error) => (error ? outOfMemory(label, size, error.message) : undefined),
        () => undefined,
      ),
    );
    if (data) writeAligned(this.device.queue, buffer, data);
    this.live++;
    this.bytes += padded;
    return buffer;
  }

  destroy(buffer: GPUBuffer): void {
    this.leave(buffer);
    buffer.destroy();
  }

  /** Counts a buffer no longer: it goes when nothing refers to it any more, commands that are still to be submitted included. */
  leave(buffer: GPUBuffer): void {
    this.live--;
    this.bytes -= buffer.size;
  }

  /** Rejects with `OutOfMemory` if an allocation since the last call failed. */
  async settled(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    for (const failure of await Promise.all(pending)) if (failure) throw failure;
  }
}

const outOfMemory = (label: string, size: number, why: string) =>
  new SpaAttnError("OutOfMemory", `No memory for ${label} (${size} bytes): ${why}.`, {
    remedy: "Use f16 tensors, fewer heads per call or fewer extras, or free other buffers of the device.",
  });

/** `writeBuffer` wants whole words; the rest of the last word is zero. */
function writeAligned(queue: GPUQueue, buffer: GPUBuffer, data: ArrayBufferView): void {
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  const whole = bytes.byteLength & ~3;
  if (whole > 0) queue.writeBuffer(buffer, 0, bytes, 0, whole);
  if (whole === bytes.byteLength) return;
  const last = new Uint8Array(4);
  last.set(bytes.subarray(whole));
  queue.writeBuffer(buffer, whole, last);
}
