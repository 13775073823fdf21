import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { type AdapterOptions, CacheRule, createModel, type ModelAdapter } from "../src/index.js";
import { golden } from "./golden.js";

interface Recorded {
  readonly adapter: string;
  readonly layers: number;
  readonly steps: number;
  readonly forwards_per_step: number;
  readonly expert_switch_step: number | null;
  readonly dense: readonly { from: number; to: number; dense_layers: "all" | number[] }[];
  readonly cache: {
    readonly coefficients: readonly number[];
    readonly threshold: number;
    readonly rel_l1: readonly (number | null)[];
    readonly computed: string;
  };
}

const NAMES: Record<string, string> = {
  hunyuan: "hunyuanvideo",
  flux: "flux.1-dev",
  cogvideox_t2v: "cogvideox1.5-t2v",
  cogvideox_i2v: "cogvideox1.5-i2v",
  wan21_t2v: "wan2.1-t2v-14b",
  wan21_i2v: "wan2.1-i2v-14b-720p",
  wan22_ti2v: "wan2.2-ti2v-5b",
  wan22_t2v: "wan2.2-t2v-a14b",
  wan22_i2v: "wan2.2-i2v-a14b",
};

/** Recorded with the sparse path enabled, which the A14B scripts do not do by themselves. */
const referenceOf = (entry: Recorded): ModelAdapter => {
  const options: AdapterOptions = { behaviour: "reference", sparse: true };
  const switchStep = entry.expert_switch_step === null ? {} : { switchStep: entry.expert_switch_step };
  return createModel(NAMES[entry.adapter], { ...options, ...switchStep });
};

it("reproduces the dense runs of schedule.json", (ctx) => {
  const schedules = golden<Recorded[]>("schedule.json", ctx);
  for (const entry of schedules ?? []) {
    const adapter = referenceOf(entry);
    const { forwards, steps, branches } = adapter.schedule;
    expect([adapter.card.layers, steps, branches.length], entry.adapter).toEqual([
      entry.layers,
      entry.steps,
      entry.forwards_per_step,
    ]);
    expect(forwards.length).toBe((entry.dense.at(-1)?.to ?? -1) + 1);
    const all = Array.from({ length: entry.layers }, (_, layer) => layer);
    for (const { from, to, dense_layers } of entry.dense)
      for (const forward of forwards.slice(from, to + 1)) {
        const dense = all.filter((layer) => adapter.isDense({ layer, step: forward.step }));
        expect(dense, `${entry.adapter} forward ${forward.index}`).toEqual(dense_layers === "all" ? all : dense_layers);
      }
  }
});

it("reproduces the skipped forwards of schedule.json", (ctx) => {
  const schedules = golden<Recorded[]>("schedule.json", ctx);
  for (const entry of schedules ?? []) {
    const { stepCache, schedule } = referenceOf(entry);
    expect(stepCache.coefficients, entry.adapter).toEqual(entry.cache.coefficients);
    expect(stepCache.threshold, entry.adapter).toBe(entry.cache.threshold);
    const rule = new CacheRule(stepCache, schedule.steps);
    const computed = schedule.forwards.map((forward, i) => rule.decide(forward, entry.cache.rel_l1[i] ?? undefined));
    expect(computed.map((x) => (x ? 1 : 0)).join(""), entry.adapter).toBe(entry.cache.computed);
  }
});

it("has the curves of curve_model_grids.json", (ctx) => {
  interface Entry {
    readonly name: string;
    readonly grid_thw: number[];
    readonly blocks: number;
    readonly sha256_curve_to_linear_i32le: string;
    readonly sha256_neighbors_u8: string;
  }
  const sha256 = (table: Int32Array | Uint8Array) =>
    createHash("sha256").update(new Uint8Array(table.buffer)).digest("hex");
  const models: Record<string, string> = {
    hunyuan: "hunyuanvideo",
    wan_720p_81f: "wan2.1-t2v-14b",
    flux_4096: "flux.1-dev",
  };
  for (const entry of golden<Entry[]>("curve_model_grids.json", ctx) ?? []) {
    const adapter = createModel(models[entry.name], { behaviour: "reference" });
    const layout = adapter.layout();
    expect([...layout.grid]).toEqual(entry.grid_thw);
    expect(sha256(layout.curveToLinear), entry.name).toBe(entry.sha256_curve_to_linear_i32le);
    expect(sha256(layout.neighbours), entry.name).toBe(entry.sha256_neighbors_u8);
    expect(layout.neighbours).toHaveLength(entry.blocks ** 2);
  }
});
