import type { Handle } from "../driver/driver.js";
import { Params } from "../params.js";
import type { Site, Views } from "../site.js";
import { pool } from "./pool.js";

/** Tokens that the directions are estimated from, about (docs/tail.md#strata). */
const SAMPLES = 8192;
const SPLITS = 8;

/** `[heads, 2, d]`: the two directions that strata "eigen" splits along, shared by all blocks of a head. */
export function eigenDirections(site: Site, inputs: Views): Handle | undefined {
  const { tokens, visualTokens, visualBlocks: n, headDim: d } = site.geometry;
  const keyMean = site.buffer("eigenKeyMean", n * d * 4);
  pool(site, { op: "pool", padding: "valid", group: n }, inputs, { keyMean });
  const moments = site.buffer("eigenMoments", SPLITS * 2 * d * d * 4);
  const directions = site.buffer("eigenDirections", 2 * d * 4);
  const stride = Math.max(1, Math.floor(visualTokens / SAMPLES));
  const parameters = new Params()
    .pointers(site.at(inputs.query), site.at(inputs.key), site.at(keyMean), site.at(moments), site.at(directions))
    .ints(site.heads, tokens, visualTokens, n, stride, SPLITS)
    .bytes();
  const own = { module: "summarize", parameters: [parameters] } as const;
  site.launch({ ...own, kernel: `eigen_moments_${site.variant}`, grid: [SPLITS, site.heads, 2], threads: 256 });
  const count = site.heads * 2 * d * d;
  const sum = new Params().pointers(site.at(moments), site.at(moments)).ints(count, SPLITS).bytes();
  const grid = [Math.ceil(count / 256)] as const;
  site.launch({ module: "products", kernel: "sum_splits", grid, threads: 256, parameters: [sum] });
  site.launch({ ...own, kernel: `eigen_directions_d${d}`, grid: [site.heads], threads: d });
  return site.at(directions);
}
