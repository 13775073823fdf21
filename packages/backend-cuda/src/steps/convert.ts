import { Params } from "../params.js";
import type { Site, View } from "../site.js";

const KIND: Readonly<Record<string, number>> = { f32: 0, f16: 1, bf16: 2 };
export const kindOf = (dtype: string): number => KIND[dtype];

interface Conversion {
  readonly kernel: "narrow" | "widen" | "narrow_indices" | "restride";
  readonly rows: number;
  readonly columns?: number;
  readonly sourceStride?: number;
  readonly outStride?: number;
  /** Of the 16-bit side; default the inputs' type. */
  readonly dtype?: string;
}

function convert(site: Site, source: View, out: View, conversion: Conversion): void {
  const { kernel, rows, columns = 1, sourceStride = 1, outStride = 1, dtype = site.dtype } = conversion;
  const parameters = new Params()
    .pointers(site.at(source), site.at(out))
    .longs(rows * site.heads)
    .ints(columns, sourceStride, outStride, kindOf(dtype));
  const elements = rows * site.heads * outStride;
  const grid = [Math.min(65535, Math.ceil(elements / 256))] as const;
  site.launch({ module: "elementwise", kernel, grid, threads: 256, parameters: [parameters.bytes()] });
}

/** How the kernels keep summaries: keys in the inputs' type, values in f16, whose finer steps matter where values cancel. */
const summaryType = (site: Site, what: "strataKey" | "strataValue") => (what === "strataKey" ? site.dtype : "f16");

/** Summaries as the kernels want them, in 16 bit; exact, since they were rounded when they were made. */
export function native16(site: Site, what: "strataKey" | "strataValue", view: View, elements: number): View {
  if (view.native) return view;
  const narrow = site.buffer(`${what}Native`, elements * 2);
  convert(site, view, narrow, { kernel: "narrow", rows: elements, dtype: summaryType(site, what) });
  return narrow;
}

/** The same back, for those who asked to see them. */
export const widen = (site: Site, what: "strataKey" | "strataValue", source: View, out: View, elements: number): void =>
  convert(site, source, out, { kernel: "widen", rows: elements, dtype: summaryType(site, what) });

export function nativeIndices(site: Site, view: View, elements: number): View {
  if (view.native) return view;
  const narrow = site.buffer("indices16", elements * 2);
  convert(site, view, narrow, { kernel: "narrow_indices", rows: elements });
  return narrow;
}

/** Floats of one bias row: whole tiles of 128 pseudo-keys. */
export const biasStride = (strata: number): number => Math.ceil(strata / 128) * 128;

export function nativeBias(site: Site, view: View, rows: number, strata: number): View {
  if (view.native) return view;
  const outStride = biasStride(strata);
  const padded = site.buffer("biasRows", rows * outStride * 4);
  convert(site, view, padded, { kernel: "restride", rows, columns: strata, sourceStride: strata, outStride });
  return padded;
}

export const contractBias = (site: Site, padded: View, out: View, rows: number, strata: number): void =>
  convert(site, padded, out, {
    kernel: "restride",
    rows,
    columns: strata,
    sourceStride: biasStride(strata),
    outStride: strata,
  });
