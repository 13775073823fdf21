import { elementCount, type OperationName, type Operations, type Value } from "@spaattn/core";
import type { Builder } from "../builder.js";

/** One operation to be said in simpler ones: its attributes, its inputs as values of a builder of their own. */
export interface Composite<N extends OperationName> {
  readonly g: Builder;
  readonly attrs: Operations[N];
  readonly in: Readonly<Record<string, Value>>;
  /** The data of an input that is a constant. */
  readonly constant: (role: string) => ArrayLike<number> | undefined;
}

/** Results by role; undefined where the operation cannot be said in simpler ones. */
export type Expansion<N extends OperationName> = (of: Composite<N>) => Readonly<Record<string, Value>> | undefined;

/**
 * A per-row parameter `[batch, r, width]` in a shape that broadcasts to the stream; undefined where an index chooses rows
 * for more than one batch item.
 */
export function spread(g: Builder, parameter: Value, index: Value | undefined, stream: Value): Value | undefined {
  const { shape } = stream;
  const [batch, rows, width] = parameter.shape;
  if (index) {
    if (batch > 1) return undefined;
    const chosen = g.embed(index, g.reshape(parameter, [rows, width]));
    return shape.length === 3 ? chosen : g.reshape(chosen, shape);
  }
  const between = shape.slice(1, -1);
  if (shape.length === 3) return parameter;
  const whole = rows === elementCount(between) && rows > 1;
  return g.reshape(parameter, [batch, ...(whole ? between : between.map(() => 1)), width]);
}

/** Rows `order` of a stream `[batch, tokens, width]`. */
export function gather(g: Builder, x: Value, order: Value): Value {
  const [batch, tokens, width] = x.shape;
  const items = Array.from({ length: batch }, (_, item) => {
    const rows = g.view(x, [tokens, width], item * tokens * width);
    return g.reshape(g.embed(order, rows), [1, order.shape[0], width]);
  });
  return g.convert(g.concat(items, 0), x.dtype);
}
