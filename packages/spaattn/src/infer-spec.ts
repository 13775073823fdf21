import { type AttentionSpec, type Policy, policyFrom } from "@spaattn/attention";
import { describeValue, type FloatDType } from "@spaattn/core";
import { videoLayout } from "@spaattn/layout";
import { type AttentionInput, isTensor } from "./inputs.js";
import type { RectifiedAttentionOptions } from "./options.js";

type Shape = readonly [batch: number, heads: number, tokens: number, headDim: number];

/**
 * The spec that inputs and options describe together.
 *
 * @throws TypeError or RangeError that names the argument or option.
 */
export function inferSpec(query: AttentionInput, dtype: FloatDType, options: RectifiedAttentionOptions): AttentionSpec {
  const shape = inferShape(query, options);
  const [batch, heads, tokens, headDim] = shape;
  const { visualTokens, textTokens } = splitTokens(tokens, options);
  const { textValid, rectify, tail, levels, behaviour, dense, blockSize, scale, outputDtype, tokenOrder, extras } =
    options;
  if (blockSize !== undefined && blockSize !== 64 && blockSize !== 128)
    throw new RangeError(`options.blockSize must be 64 or 128, got ${describeValue(blockSize)}`);
  const layout =
    options.layout ?? (options.grid && videoLayout({ grid: options.grid, textTokens, ...defined({ blockSize }) }));
  if (tokenOrder === "raster" && !layout)
    throw new TypeError('options.tokenOrder "raster" needs options.grid or options.layout');
  return {
    batch,
    heads,
    headDim,
    visualTokens,
    textTokens,
    dtype,
    policy: inferPolicy(options),
    ...defined({
      textValid,
      rectify,
      tail,
      levels,
      behaviour,
      dense,
      blockSize,
      scale,
      outputDtype,
      layout,
      tokenOrder,
      extras,
    }),
  };
}

function inferShape(query: AttentionInput, options: RectifiedAttentionOptions): Shape {
  const { shape, heads, headDim, batch } = options;
  const known = shape ?? (isTensor(query) ? query.shape : undefined);
  const from = shape ? "options.shape" : "query's shape";
  if (known) {
    if (!Array.isArray(known) || known.length !== 4)
      throw new RangeError(`${from} must be [batch, heads, tokens, headDim], got ${describeValue(known)}`);
    for (const [i, size] of known.entries()) positive(`${from}[${i}]`, size);
    for (const [name, given, at] of [
      ["batch", batch, 0],
      ["heads", heads, 1],
      ["headDim", headDim, 3],
    ] as const)
      if (given !== undefined && given !== known[at])
        throw new RangeError(`options.${name} is ${given}, but ${from} is [${known.join(", ")}]`);
    checkLength("query", query, known as unknown as Shape);
    return known as unknown as Shape;
  }
  if (heads === undefined || headDim === undefined)
    throw new TypeError("options.heads and options.headDim (or options.shape) must say what the arrays hold");
  positive("options.heads", heads);
  positive("options.headDim", headDim);
  positive("options.batch", batch ?? 1);
  const width = (batch ?? 1) * heads * headDim;
  const { length } = query as { length: number };
  if (length === 0 || length % width !== 0)
    throw new RangeError(
      `query has ${length} elements, which is no multiple of batch * heads * headDim = ${batch ?? 1} * ${heads} * ${headDim}`,
    );
  return [batch ?? 1, heads, length / width, headDim];
}

/** Throws when an array does not hold the elements of a shape. */
export function checkLength(name: string, input: AttentionInput, shape: Shape): void {
  const wanted = shape.reduce((product, size) => product * size, 1);
  if (!isTensor(input) && input.length !== wanted)
    throw new RangeError(`${name} has ${input.length} elements, but shape [${shape.join(", ")}] needs ${wanted}`);
}

function splitTokens(tokens: number, options: RectifiedAttentionOptions) {
  const { grid, layout, visualTokens, textTokens } = options;
  if (grid && layout) throw new TypeError("options.grid and options.layout exclude each other");
  const cells = grid ?? layout?.grid;
  if (cells !== undefined && (!Array.isArray(cells) || cells.length !== 3))
    throw new RangeError(`options.grid must be [t, h, w], got ${describeValue(cells)}`);
  for (const [i, size] of (cells ?? []).entries()) positive(`options.grid[${i}]`, size);
  const inGrid = cells && cells[0] * cells[1] * cells[2];
  if (visualTokens !== undefined) positive("options.visualTokens", visualTokens);
  if (textTokens !== undefined && (!Number.isSafeInteger(textTokens) || textTokens < 0))
    throw new RangeError(`options.textTokens must be a non-negative integer, got ${describeValue(textTokens)}`);
  const visual = visualTokens ?? inGrid ?? tokens - (textTokens ?? 0);
  if (inGrid !== undefined && visual !== inGrid)
    throw new RangeError(
      `options.visualTokens is ${visual}, but options.grid ${cells?.join("x")} has ${inGrid} tokens`,
    );
  const text = textTokens ?? tokens - visual;
  // A grid that is too small is a mistake more often than the rest is text; who has text says so.
  if (textTokens === undefined && visualTokens === undefined && inGrid !== undefined && inGrid < tokens)
    throw new RangeError(
      `options.grid ${cells?.join("x")} has ${inGrid} tokens, but query has ${tokens} per head; ` +
        `give options.textTokens: ${tokens - inGrid} if the others are text`,
    );
  if (visual + text !== tokens || text < 0)
    throw new RangeError(
      `${visual} visual and ${Math.max(text, 0)} text tokens were described, but query has ${tokens} per head`,
    );
  return { visualTokens: visual, textTokens: text };
}

function inferPolicy({ policy, dropRate, coverMass: mass }: RectifiedAttentionOptions): Policy {
  if (policy) {
    if (dropRate !== undefined || mass !== undefined)
      throw new TypeError("options.policy excludes options.dropRate and options.coverMass; union() joins policies");
    return policy;
  }
  return policyFrom({
    ...(dropRate === undefined ? {} : { dropRate }),
    ...(mass === undefined ? {} : { coverMass: mass }),
  });
}

function positive(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw new RangeError(`${name} must be a positive integer, got ${describeValue(value)}`);
}

const defined = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
