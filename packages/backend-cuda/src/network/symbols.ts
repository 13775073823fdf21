import type { Handle } from "../driver/driver.js";

// A program's launches are prepared before the addresses of most tensors are known. Until then a tensor stands for itself:
// its number in the upper bits, where no address of a device has any, and the distance to its first byte in the lower ones.
const BITS = 48n;
const MIDDLE = 1n << 46n; // So that the distance may be negative in between.
const LOW = (1n << BITS) - 1n;

/** The address of something not known yet. */
export const symbolOf = (id: number): Handle => (BigInt(id + 1) << BITS) + MIDDLE;

/** Which symbol an address refers to, and how many bytes behind its beginning; undefined for a real address. */
export function decodeSymbol(address: Handle): { id: number; offset: bigint } | undefined {
  const id = Number(address >> BITS) - 1;
  return id < 0 ? undefined : { id, offset: (address & LOW) - MIDDLE };
}
