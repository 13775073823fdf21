import { type AttentionSpec, resolveSpec } from "@spaattn/attention";

/**
 * Elements that cannot be compared, because a decision that was too close to call went the other way and everything
 * behind it follows.
 */
export class LeftOut {
  /** Heads `[b, h]` with other strata. */
  heads: ReadonlySet<number> = new Set();
  /** Rows `[b, h, n]` with another gain map. */
  rows: ReadonlySet<number> = new Set();

  constructor(readonly spec: AttentionSpec) {}

  /** Which elements of a tensor that depends on strata and gains are compared, and what to say about the others. */
  of(shape: readonly number[], perRow: boolean): { includes?: (index: number) => boolean; note?: string } {
    const { geometry, permute, layout } = resolveSpec(this.spec);
    const { visualBlocks: n, blockSize, visualTokens } = geometry;
    const planes = shape[0] * shape[1];
    const width = shape.slice(3).reduce((product, size) => product * size, 1);
    const perHead = shape[2] * width;
    const { heads, rows } = this;
    if (heads.size > 0)
      return {
        includes: (index) => !heads.has(Math.floor(index / perHead)),
        note: `${heads.size} of ${planes} heads left out: their strata were too close to call`,
      };
    if (rows.size === 0 || !perRow) return {};
    const position = permute ? layout?.inverse : undefined;
    const blockOf = (row: number) => {
      if (shape[2] === n) return row;
      const token = position ? position[row] : row;
      return token < visualTokens ? Math.floor(token / blockSize) : Number.NaN;
    };
    return {
      includes: (index) => !rows.has(Math.floor(index / perHead) * n + blockOf(Math.floor(index / width) % shape[2])),
      note: `${rows.size} of ${planes * n} rows left out: their gain was too close to call`,
    };
  }
}
