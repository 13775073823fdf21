/** β_l = 2^l / 90: how much of the moments' error counts beside what the probes see (levels.md section 3). */
const momentShare = (level: number): number => 2 ** level / 90;

/**
 * Ê `[L + 1, n]` of one query block: `S_l + β_l E_l`, or `E_l` without probes, where finer levels are then favoured.
 *
 * @param moment `[L + 1, n]` E
 * @param probe `[L + 1, n]` S, where there are probes
 */
export function combineErrors(moment: Float64Array, probe: Float64Array | undefined, blocks: number): Float64Array {
  if (!probe) return moment.slice();
  return moment.map((error, at) => probe[at] + momentShare(Math.floor(at / blocks)) * error);
}
