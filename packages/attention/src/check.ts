import { describeValue } from "@spaattn/core";

/** @throws RangeError naming `spec.<name>` unless `value` is an integer of at least `least`. */
export function integer(name: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw new RangeError(`spec.${name} must be an integer of at least ${least}, got ${describeValue(value)}`);
}

/** @throws RangeError naming `spec.<name>` unless `value` is one of `allowed`. */
export function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value))
    throw new RangeError(`spec.${name} must be ${allowed.join(" or ")}, got ${describeValue(value)}`);
}
