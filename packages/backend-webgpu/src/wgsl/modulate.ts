import { type Param, read, type Slot, u32 } from "../kernel.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import type { Storage } from "./storage.js";

/** A parameter `[batch, r, width]` of a stream's rows: one row for all tokens of an item, one each, or chosen by an index. */
export interface Modulation {
  readonly kind: "item" | "token" | "index";
  readonly storage: Storage;
}

export function modulationOf(lowering: OperationLowering, role: string, vec: boolean): Modulation | undefined {
  if (!lowering.has(role)) return undefined;
  const kind = lowering.has("index") ? "index" : lowering.shape(role)[1] === 1 ? "item" : "token";
  return { kind, storage: lowering.storage(role, vec) };
}

export function modulationSlots(all: Readonly<Record<string, Modulation | undefined>>): Slot[] {
  const given = Object.entries(all).flatMap(([name, by]) => (by ? [read(name, by.storage)] : []));
  return Object.values(all).some((by) => by?.kind === "index") ? [...given, read("index", "i32")] : given;
}

export const modulationParams = (names: readonly string[]): Param[] =>
  u32("tokens", ...names.map((name) => `${name}_rows`));

/** Declares `NAME_row(row)`: which row of the parameter belongs to row `row` of the stream, its batch items flattened. */
export const modulationFunctions = (all: Readonly<Record<string, Modulation | undefined>>): string =>
  Object.entries(all)
    .map(([name, by]) => {
      if (!by) return "";
      const inside = { item: "0u", token: "row % p.tokens", index: "u32(load_index(row))" }[by.kind];
      return `fn ${name}_row(row: u32) -> u32 { return row / p.tokens * p.${name}_rows + ${inside}; }`;
    })
    .join("\n");

/** Values of the parameters, from the tensors; `tokens` of a stream `[batch, ..., width]`. */
export function modulationValues(
  lowering: OperationLowering,
  stream: readonly number[],
  names: readonly string[],
): Record<string, number> {
  const values: Record<string, number> = { tokens: stream.slice(1, -1).reduce((product, size) => product * size, 1) };
  for (const name of names) values[`${name}_rows`] = lowering.has(name) ? lowering.shape(name)[1] : 0;
  return values;
}
