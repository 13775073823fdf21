import { describeValue } from "@spaattn/core";

/** @throws RangeError naming `spec.<name>` unless `value` is an integer from `least` to `most`. */
export function integer(name: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw new RangeError(`spec.${name} must be an integer of at least ${least}, got ${describeValue(value)}`);
  if ((value as number) > most) throw new RangeError(`spec.${name} must be at most ${most}, got ${value}`);
}

/** @throws RangeError naming `spec.<name>` unless `value` is one of `allowed`. */
export function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value))
    throw new RangeError(`spec.${name} must be ${allowed.join(" or ")}, got ${describeValue(value)}`);
}
