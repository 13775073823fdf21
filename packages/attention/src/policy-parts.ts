import type { Policy } from "./policy.js";

/** The policies a union is made of. */
export const flatten = (policy: Policy): Policy[] => (policy.kind === "union" ? policy.of.flatMap(flatten) : [policy]);

/** One value per head. Throws a RangeError that names `spec.policy` when a list has another length. */
export function perHead(value: number | readonly number[], heads: number, name: string): readonly number[] {
  if (typeof value === "number") return new Array<number>(heads).fill(value);
  if (value.length !== heads)
    throw new RangeError(`spec.policy: ${name} lists ${value.length} values, but there are ${heads} heads`);
  return value;
}
