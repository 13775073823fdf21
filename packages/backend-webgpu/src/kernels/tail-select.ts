import type { Geometry } from "@spaattn/attention";
import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { blockFunctions, blockParams } from "../wgsl/blocks.js";
import { reductions } from "../wgsl/reduce.js";
import { forcedFunction, ROW_THREADS, selection, selectParams } from "../wgsl/select.js";
import { shiftFunction } from "../wgsl/shift.js";

export interface TailSelectShape {
  readonly geometry: Geometry;
  readonly strataPerBlock: number;
  readonly forced: boolean;
  readonly capacity: number;
}

/**
 * Block list of one row, own block first, then by estimated error; and the bias of every stratum that remains
 * (docs/tail.md#bias and docs/tail.md#selection): one workgroup. `bias` holds tau when it starts, `logits` log E.
 */
export function tailSelectKernel({ geometry, strataPerBlock, forced, capacity }: TailSelectShape): Kernel {
  const T = ROW_THREADS;
  return assemble({
    name: "estimate.tailSelect",
    slots: [
      read("logits", "f32"),
      read("mass", "f32"),
      read("text_mass", "f32"),
      read("strata_mass", "f32"),
      ...(forced ? [read("forced", "u8")] : []),
      write("bias", "f32"),
      write("counts", "i32"),
      write("indices", "i32"),
    ],
    params: [
      ...blockParams(geometry),
      ...selectParams(geometry.heads),
      ...u32("strata", "columns", "group", "groups"),
      ...f32("h_max", "m_min", "minus_infinity"),
    ],
    workgroup: [T],
    module: `${blockFunctions}${reductions(T)}${selection(capacity)}${forcedFunction(forced)}${shiftFunction}`,
    body: `
  let i = wid.x;
  let row = wid.z * p.blocks + i;
  let head = (p.head0 + wid.z) % p.heads;
  let text = valid_text((p.head0 + wid.z) / p.heads);
  // The own block comes before all others.
  for (var j = lid; j < p.blocks; j += ${T}u) {
    rank_key[j] = select(load_logits(row * p.columns + j * ${strataPerBlock}u), 3.0e38, j == i);
  }
  rank_blocks(lid, p.blocks);
  var need = 1u;
  if (p.ranked != 0u) {
    need = max(1u, top_blocks(head));
    let mass = cover_mass(head);
    if (mass > 0.0) {
      for (var j = lid; j < p.blocks; j += ${T}u) { rank_key[rank_of[j]] = load_mass(row * p.blocks + j); }
      need = max(need, needed_for_mass(lid, p.blocks, load_text_mass(row), mass));
      if (mass >= 1.0) { need = p.blocks; }
    }
  }
  let first = (wid.z * p.groups + i / p.group) * p.strata;
  for (var j = lid; j < p.blocks; j += ${T}u) {
    let chosen = rank_of[j] < need || is_forced(wid.z, i, j);
    rank_of[j] = select(0u, 1u, chosen);
    for (var s = 0u; s < trips(${strataPerBlock}u); s++) {
      let u = j * ${strataPerBlock}u + s;
      let m = load_strata_mass(first + u);
      let b = m + min(shift(load_bias(row * p.strata + u), m), p.h_max);
      store_bias(row * p.strata + u, select(b, p.minus_infinity, chosen || m < -1.0e30));
    }
  }
  write_list(lid, row, text);`,
  });
}

/** Copies tau, and the bias of every stratum as if no block were selected, for people who want to look. */
export function tailInsightKernel(variance: boolean, bias: boolean): Kernel {
  return assemble({
    name: "estimate.tailInsight",
    slots: [
      read("tau", "f32"),
      read("strata_mass", "f32"),
      ...(variance ? [write("variance", "f32")] : []),
      ...(bias ? [write("strata_bias", "f32")] : []),
    ],
    params: [...u32("blocks", "strata", "group", "groups"), ...f32("h_max", "m_min", "minus_infinity")],
    workgroup: [64],
    module: shiftFunction,
    body: `
  let u = wid.x * 64u + lid;
  if (u >= p.strata) { return; }
  let at = (wid.z * p.blocks + wid.y) * p.strata + u;
  let tau = load_tau(at);
  let m = load_strata_mass((wid.z * p.groups + wid.y / p.group) * p.strata + u);
  ${variance ? "store_variance(at, tau);" : ""}
  ${bias ? "store_strata_bias(at, select(m + min(shift(tau, m), p.h_max), p.minus_infinity, m < -1.0e30));" : ""}`,
  });
}
