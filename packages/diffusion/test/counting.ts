import type { Device } from "@spaattn/core";
import { reference } from "@spaattn/reference";

/** The oracle, counting the bytes of tensors that are alive on it. */
export async function counting(): Promise<{ device: Device; peak: () => number }> {
  const inner = await reference.create();
  let alive = 0;
  let most = 0;
  const count = <T extends { dispose(): void; length?: number }>(tensor: T, bytes: number): T => {
    alive += bytes;
    most = Math.max(most, alive);
    const dispose = tensor.dispose.bind(tensor);
    let disposed = false;
    tensor.dispose = () => {
      if (!disposed) alive -= bytes;
      disposed = true;
      dispose();
    };
    return tensor;
  };
  const bytesOf = (tensor: unknown) => (tensor as { data: Uint8Array }).data.byteLength;
  const device: Device = {
    ...inner,
    allocate: (dtype, shape) => {
      const tensor = inner.allocate(dtype, shape);
      return count(tensor, bytesOf(tensor));
    },
    upload: (host) => {
      const tensor = inner.upload(host);
      return count(tensor, bytesOf(tensor));
    },
  };
  return { device, peak: () => most };
}
