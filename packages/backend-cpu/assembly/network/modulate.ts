/** Parameters per batch item or per token, as `mustModulate` of @spaattn/nn describes them. */
@unmanaged
export class Modulation {
  /** i32 row numbers, or 0. */
  index: usize;
  /** Rows per batch item. */
  rows: i32;
  /** Tokens per batch item. */
  tokens: i32;
}

/** The row of a `[batch, rows, width]` parameter that belongs to token `token` of all batch items. */
@inline export function modulationRow(m: Modulation, token: i32): i32 {
  if (m.index != 0) return (token / m.tokens) * m.rows + load<i32>(m.index + (<usize>token << 2));
  return m.rows == m.tokens ? token : token / m.tokens;
}
