import type { Geometry } from "./geometry.js";
import type { TokenLayout } from "./layout.js";
import type { HostSelect, Policy } from "./policy.js";
import { flatten, perHead } from "./policy-parts.js";
import type { Behaviour, Rectify } from "./spec.js";

/** A policy lowered to what a kernel needs. */
export interface Selection {
  /** False: only `forced` (and text) is selected, nothing is ranked. */
  readonly ranked: boolean;
  /** `[heads]`: ranked visual blocks to keep at least. */
  readonly topBlocks: readonly number[];
  /** `[heads]`: probability mass the ranked blocks must exceed; 0 keeps a fixed count. */
  readonly coverMass: readonly number[];
  /** The text column takes part in the ranking (algorithm.md 8.1 no. 3; reference behaviour only). */
  readonly textCompetes: boolean;
  /** `[n, n]`, blocks to select whatever their rank; absent when there are none. */
  readonly forced?: Uint8Array;
  readonly host?: HostSelect;
}

export interface SelectionContext {
  readonly geometry: Geometry;
  readonly layout?: TokenLayout;
  readonly behaviour: Behaviour;
  readonly rectify: Rectify;
}

/**
 * Number of blocks a drop rate keeps: `trunc((1 - dropRate) * n)`.
 *
 * `reference` computes it in plain double arithmetic, so 0.8 of 900 keeps 179; `corrected` rounds to 9 decimals first
 * (algorithm.md 8.1 no. 12).
 */
export function keptBlocks(dropRate: number, blocks: number, behaviour: Behaviour): number {
  const kept = (1 - dropRate) * blocks;
  return Math.trunc(behaviour === "reference" ? kept : Math.round(kept * 1e9) / 1e9);
}

/**
 * Lowers a policy for one geometry.
 *
 * @throws RangeError when a per-head list has the wrong length, or a block index is out of range.
 * @throws TypeError when the policy needs a layout and there is none.
 */
export function lowerPolicy(policy: Policy, context: SelectionContext): Selection {
  const { geometry, behaviour, rectify } = context;
  const { heads, visualBlocks: n } = geometry;
  const parts = flatten(policy);
  const top = new Array<number>(heads).fill(0);
  const mass = new Array<number>(heads).fill(0);
  let ranked = false;
  let host: HostSelect | undefined;
  let forced: Uint8Array | undefined;
  const force = () => (forced ??= new Uint8Array(n * n));

  for (const part of parts) {
    if (part.kind === "topBlocks") {
      ranked = true;
      perHead(part.dropRate, heads, "dropRate").forEach((rate, h) => {
        top[h] = Math.max(top[h], keptBlocks(rate, n, behaviour));
      });
    } else if (part.kind === "coverMass") {
      ranked = true;
      perHead(part.mass, heads, "coverMass").forEach((p, h) => {
        mass[h] = Math.max(mass[h], p);
      });
    } else if (part.kind === "neighbours") {
      const table = needLayout(context, "neighbours()").neighbours;
      const target = force();
      for (let i = 0; i < target.length; i++) target[i] |= table[i];
    } else if (part.kind === "firstFrame") {
      forceFirstFrame(force(), part.as, context);
    } else if (part.kind === "always") {
      const target = force();
      for (const block of part.blocks) {
        if (!Number.isInteger(block) || block < 0 || block >= n)
          throw new RangeError(`spec.policy: always() names block ${block}, but there are ${n} visual blocks`);
        for (let row = 0; row < n; row++) target[row * n + block] = 1;
      }
    } else if (part.kind === "host") {
      const [before, own] = [host, part.select];
      host = before ? (row) => [...before(row), ...own(row)] : own;
    }
  }
  // Text is always selected, and summaries stand for what is not; without either the output would be zero.
  if (!ranked && !host && !forced?.includes(1) && rectify !== "tail" && geometry.textValid.includes(0))
    throw new RangeError(`spec.policy selects no block, and rectify "${rectify}" has nothing else; add topBlocks()`);
  // Tail mode keeps at least the query block's own key block (beyond.md section 6).
  if (rectify === "tail") for (let h = 0; h < heads; h++) top[h] = Math.max(top[h], 1);
  return {
    ranked,
    topBlocks: top.map((k) => Math.min(k, n)),
    coverMass: mass,
    textCompetes: behaviour === "reference" && rectify !== "tail",
    ...(forced ? { forced } : {}),
    ...(host ? { host } : {}),
  };
}

function needLayout(context: SelectionContext, who: string): TokenLayout {
  if (context.layout) return context.layout;
  throw new TypeError(`spec.policy: ${who} needs spec.layout (see videoLayout in @spaattn/layout)`);
}

function forceFirstFrame(target: Uint8Array, as: "sink" | "dense", context: SelectionContext): void {
  const layout = needLayout(context, "firstFrame()");
  const n = context.geometry.visualBlocks;
  if (context.behaviour === "reference") {
    const first = Math.floor(n / layout.grid[0]);
    for (let i = 0; i < first; i++) target.fill(1, i * n, i * n + first);
    return;
  }
  for (const column of layout.firstFrameBlocks) {
    for (let row = 0; row < n; row++) target[row * n + column] = 1;
    if (as === "dense") target.fill(1, column * n, (column + 1) * n);
  }
}
