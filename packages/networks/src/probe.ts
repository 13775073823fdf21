import type { Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";

/**
 * Is shown values inside a network while it is recorded, by name; tests and captures make outputs of them.
 *
 * With a probe nothing is recorded as a region of rows, so that every value exists whole.
 */
export type Probe = (name: string, value: Value) => void;

/** `g.rows` where nobody looks inside. */
export const rowsUnless = (probe: Probe | undefined, g: Builder, x: Value, body: () => Value): Value =>
  probe ? body() : g.rows(x, body);
