import type { Operand } from "../network/call.js";

/** The widest piece, 16 bytes at most, that divides `bytes` and the addresses of all operands. */
export function unitOf(bytes: number, ...operands: readonly (Operand | undefined)[]): number {
  let unit = 16;
  const fits = () =>
    bytes % unit === 0 && operands.every((operand) => !operand || operand.pointer % BigInt(unit) === 0n);
  while (unit > 1 && !fits()) unit /= 2;
  return unit;
}
