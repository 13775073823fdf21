import type { DType } from "@spaattn/core";
import { HostTensor } from "@spaattn/core";
import type { Geometry } from "./geometry.js";
import { writeLevels } from "./levels/compile.js";
import type { Plan, PlanOptions, PlanStep, PlanTensor } from "./plan.js";
import { resolveSpec } from "./resolve-spec.js";
import { lowerPolicy, type Selection } from "./selection.js";
import type { AttentionSpec, Extra, ResolvedSpec } from "./spec.js";
import type { Step } from "./steps.js";
import type { PlanWriter } from "./writer.js";

/**
 * Compiles a spec into a plan (algorithm.md sections 2 to 6, beyond.md).
 *
 * @throws TypeError or RangeError that names the field of the spec.
 */
export function compilePlan(spec: AttentionSpec | ResolvedSpec, options: PlanOptions = {}): Plan {
  return new PlanBuilder("geometry" in spec ? spec : resolveSpec(spec), options).build();
}

class PlanBuilder {
  readonly #tensors: Record<string, PlanTensor> = {};
  readonly #constants: Record<string, HostTensor> = {};
  readonly #steps: PlanStep[] = [];
  readonly #extras: Set<Extra>;
  readonly #float: DType;
  readonly #group: number;

  constructor(
    readonly spec: ResolvedSpec,
    readonly options: PlanOptions,
  ) {
    this.#extras = new Set(spec.extras);
    this.#float = options.accumulate ?? "f32";
    const n = spec.geometry.visualBlocks;
    this.#group = spec.tail.group === "all" ? n : Math.min(spec.tail.group, n);
  }

  build(): Plan {
    const { geometry, dense, rectify, permute } = this.spec;
    for (const name of ["query", "key", "value"]) this.#declare(name, this.spec.dtype, this.#rows(), "input");
    const names = permute ? this.#permuteIn() : { query: "query", key: "key", value: "value" };
    const masked = dense ? {} : this.#estimate(names);
    if (!this.options.estimateOnly) this.#attend(names, masked);
    const missing = [...this.#extras].filter((name) => !this.#provided(name));
    if (missing.length > 0)
      throw new RangeError(
        `spec.extras: ${missing.join(", ")} does not exist with ${dense ? "dense: true" : `rectify "${rectify}"`}`,
      );
    return { geometry, steps: this.#steps, tensors: this.#tensors, constants: this.#constants };
  }

  #estimate(names: Record<string, string>): Record<string, string> {
    if (this.spec.rectify === "tail") return this.#tail(names);
    if (this.spec.rectify !== "levels") return this.#paper(names);
    const writer: PlanWriter = {
      declare: (name, dtype, shape, role) => this.#declare(name, dtype, shape, role),
      perHead: (name, ...shape) => this.#perHead(name, ...shape),
      onRequest: (name, ...shape) => this.#onRequest(name, ...shape),
      constant: (name, tensor) => this.#constant(name, tensor),
      wants: (name) => this.#extras.has(name),
      push: (step, inputs, outputs) => this.#push(step, inputs, outputs),
    };
    return writeLevels(writer, this.spec, names, this.options.choiceAsInput ?? false);
  }

  #provided(name: Extra): boolean {
    return (name === "mask" ? "counts" : name) in this.#tensors;
  }

  #rows(): number[] {
    const { batch, heads, tokens, headDim } = this.spec.geometry;
    return [batch, heads, tokens, headDim];
  }

  #declare(name: string, dtype: DType, shape: readonly number[], role?: PlanTensor["role"]): string {
    const wanted =
      this.#extras.has(name as Extra) || ((name === "counts" || name === "indices") && this.#extras.has("mask"));
    this.#tensors[name] = { dtype, shape, role: role ?? (wanted ? "output" : "workspace") };
    return name;
  }

  /** Declares a float tensor `[b, h, ...shape]` under its own name. */
  #perHead(name: string, ...shape: number[]): Record<string, string> {
    const { batch, heads } = this.spec.geometry;
    return { [name]: this.#declare(name, this.#float, [batch, heads, ...shape]) };
  }

  /** The same, but only when the caller asked for it. */
  #onRequest(name: Extra, ...shape: number[]): Record<string, string> {
    return this.#extras.has(name) ? this.#perHead(name, ...shape) : {};
  }

  #constant(name: string, tensor: HostTensor): string {
    this.#constants[name] = tensor;
    return this.#declare(name, tensor.dtype, tensor.shape, "constant");
  }

  #push(step: Step, inputs: Record<string, string>, outputs: Record<string, string>): void {
    this.#steps.push({ step, in: inputs, out: outputs });
  }

  #permuteIn(): Record<"query" | "key" | "value", string> {
    const order = this.#constant(
      "tokenOrder",
      new HostTensor("i32", [this.spec.geometry.tokens], this.spec.layout!.order),
    );
    const along = (name: string) => {
      const tokens = this.#declare(`${name}.curve`, this.spec.dtype, this.#rows());
      this.#push({ op: "permute" }, { source: name, order }, { tokens });
      return tokens;
    };
    return { query: along("query"), key: along("key"), value: along("value") };
  }

  #select(): { selection: Selection; forced: Record<string, string>; stride: number } {
    const { geometry, policy, behaviour, rectify, layout } = this.spec;
    const { batch, heads, visualBlocks: n, blocks } = geometry;
    if (this.options.maskAsInput) {
      const forced = this.#declare("forced", "u8", [batch, heads, n, n], "input");
      const none = new Array<number>(heads).fill(rectify === "tail" ? 1 : 0);
      const selection = { ranked: false, topBlocks: none, coverMass: none.map(() => 0), textCompetes: false };
      return { selection, forced: { forced }, stride: blocks };
    }
    const selection = lowerPolicy(policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) });
    const forced: Record<string, string> = selection.forced
      ? { forced: this.#constant("forced", new HostTensor("u8", [n, n], selection.forced)) }
      : {};
    return { selection, forced, stride: rowStride(selection, geometry) };
  }

  #lists(stride: number): Record<string, string> {
    const { batch, heads, visualBlocks: n } = this.spec.geometry;
    return {
      counts: this.#declare("counts", "i32", [batch, heads, n]),
      indices: this.#declare("indices", "i32", [batch, heads, n, stride]),
    };
  }

  #paper(names: Record<string, string>): Record<string, string> {
    const { geometry, rectify, behaviour } = this.spec;
    const { batch, heads, visualBlocks: n, headDim: d, textTokens } = geometry;
    const paper = rectify === "paper";
    const reference = behaviour === "reference";
    const gain = paper || this.#extras.has("gain");
    const deviations = gain ? { ...this.#perHead("queryDeviation", n, d), ...this.#perHead("keyDeviation", n, d) } : {};
    const valueMean = paper ? this.#perHead("valueMean", n, d) : this.#onRequest("valueMean", n, d);
    const means = { ...this.#perHead("queryMean", n, d), ...this.#perHead("keyMean", n, d), ...valueMean };
    const pooled = { ...means, ...deviations };
    this.#push({ op: "pool", padding: reference ? "zero" : "valid", group: n }, names, pooled);
    const { selection, forced, stride } = this.#select();
    const lists = this.#lists(stride);
    const correction = paper ? { ...this.#perHead("factor", n), ...this.#perHead("compensation", n, d) } : {};
    const { ranked, topBlocks, coverMass, textCompetes } = selection;
    this.#push(
      {
        op: "estimate",
        method: "paper",
        weights: reference ? "uniform" : "valid",
        selection: { ranked, topBlocks, coverMass, textCompetes },
        stride,
      },
      { ...pooled, key: names.key, value: names.value, ...forced },
      {
        ...lists,
        ...correction,
        ...this.#onRequest("scores", n, n),
        ...this.#onRequest("probabilities", n, textTokens > 0 ? n + 1 : n),
        ...(this.#extras.has("gain") ? { gain: this.#declare("gain", "u8", [batch, heads, n, n]) } : {}),
      },
    );
    return { ...lists, ...correction };
  }

  #tail(names: Record<string, string>): Record<string, string> {
    const { geometry, tail } = this.spec;
    const { batch, heads, visualBlocks: n, headDim: d, blockSize } = geometry;
    const group = this.#group;
    const g = Math.ceil(n / group);
    const u = n * tail.strataPerBlock;
    const anchor = this.#perHead("anchor", g, d);
    const queries = { ...this.#perHead("queryMean", n, d), ...this.#perHead("querySpread", n, d) };
    this.#push({ op: "pool", padding: "valid", group }, names, { ...queries, ...anchor });
    const pseudo = { ...this.#perHead("strataKey", g, u, d), ...this.#perHead("strataValue", g, u, d) };
    const moments = {
      ...this.#perHead("strataMass", g, u),
      ...this.#perHead("strataSpread", g, u, d),
      ...this.#perHead("strataNoise", g, u),
    };
    const order: Record<string, string> = this.#extras.has("order")
      ? { order: this.#declare("order", "i32", [batch, heads, n * blockSize]) }
      : {};
    const { strata, strataPerBlock, steps, hMax, tauMax, mMin } = tail;
    this.#push(
      { op: "summarize", strata, strataPerBlock, steps, group },
      { ...names, ...anchor },
      { ...order, ...pseudo, ...moments },
    );
    const { selection, forced, stride } = this.#select();
    const lists = this.#lists(stride);
    const bias = this.#perHead("bias", n, u);
    const { ranked, topBlocks, coverMass, textCompetes } = selection;
    this.#push(
      {
        op: "estimate",
        method: "tail",
        selection: { ranked, topBlocks, coverMass, textCompetes },
        stride,
        strataPerBlock,
        group,
        hMax,
        tauMax,
        mMin,
      },
      { ...queries, ...pseudo, ...moments, key: names.key, value: names.value, ...forced },
      {
        ...lists,
        ...bias,
        ...this.#onRequest("strataBias", n, u),
        ...this.#onRequest("logitVariance", n, u),
        ...this.#onRequest("blockError", n, n),
        ...this.#onRequest("blockMass", n, n),
      },
    );
    return { ...lists, ...pseudo, ...bias };
  }

  #attend(names: Record<string, string>, masked: Record<string, string>): void {
    const { geometry, outputDtype, dense, rectify, permute, tail } = this.spec;
    const withTail = !dense && rectify === "tail";
    const output = this.#declare(
      permute ? "output.curve" : "output",
      outputDtype,
      this.#rows(),
      permute ? "workspace" : "output",
    );
    const lse = this.#onRequest("lse", geometry.tokens);
    this.#push(
      {
        op: "attend",
        dense,
        rectify: dense ? "none" : rectify,
        stride: masked.indices ? this.#tensors[masked.indices].shape[3] : 0,
        strataPerBlock: withTail ? tail.strataPerBlock : 1,
        group: withTail ? this.#group : geometry.visualBlocks,
      },
      { ...names, ...masked },
      { output, ...lse },
    );
    if (!permute) return;
    const order = this.#constant(
      "tokenOrder.inverse",
      new HostTensor("i32", [geometry.tokens], this.spec.layout!.inverse),
    );
    this.#declare("output", outputDtype, this.#rows(), "output");
    this.#push({ op: "permute" }, { source: output, order }, { tokens: "output" });
  }
}

/** Slots a row of block lists needs at most; every block when probability mass decides. */
function rowStride(selection: Selection, geometry: Geometry): number {
  const { visualBlocks: n, textBlocks, blocks } = geometry;
  if (selection.ranked && selection.coverMass.some((mass) => mass > 0)) return blocks;
  // With text in the ranking a row still keeps at most topBlocks visual columns, and always at least one.
  const top = Math.max(1, ...selection.topBlocks);
  let forced = 0;
  if (selection.forced)
    for (let row = 0; row < n; row++) {
      let count = 0;
      for (let column = 0; column < n; column++) count += selection.forced[row * n + column];
      forced = Math.max(forced, count);
    }
  return Math.min(blocks, top + forced + textBlocks);
}
