import { type Attention, type Backend, createAttention } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor, type Tensor } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel, type ModelAdapter, modelNames, type Session, type SessionForward } from "../src/index.js";

/*
 * Whole generations at a reduced grid: every layer, step and branch of every variant, with the step cache. The
 * "transformer" is attention with residual connections; what matters is that nothing of one generation reaches the next.
 */

const HEAD_DIM = 16;

const reduced = (name: string): ModelAdapter => {
  const stride = name === "wan2.2-ti2v-5b" ? 32 : 16;
  return createModel(name, {
    size: { frames: name === "flux.1-dev" ? 1 : 9, height: 5 * stride, width: 6 * stride },
    architecture: { heads: 1, headDim: HEAD_DIM, rotary: { theta: 10_000, axes: [4, 6, 6] } },
    blockSize: 64,
    dropRate: 0.5,
    tokenOrder: "curve",
    ...(createModel(name).card.text ? { textTokens: 5 } : {}),
  });
};

interface Trace {
  readonly output: Float32Array;
  /** One character per forward: 1 computed, 0 skipped. */
  readonly computed: string;
  readonly denseCalls: number;
  readonly sparseCalls: number;
}

class Generation {
  readonly #attentions = new Map<string, Attention>();
  readonly counts = { dense: 0, sparse: 0 };

  constructor(readonly backend: Backend) {}

  async run(session: Session): Promise<Trace> {
    const { adapter } = session;
    const { visualTokens } = adapter.geometry();
    const { textTokens, batch } = adapter.settings;
    const shape = [batch, 1, visualTokens + textTokens, HEAD_DIM];
    const size = shape.reduce((a, b) => a * b);
    let latent = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.37) + Math.cos(i * i * 0.011));
    let computed = "";
    for (const forward of session) {
      const before = this.backend.upload(new HostTensor("f32", shape, latent));
      const after = this.backend.allocate("f32", shape);
      const indicator = new HostTensor("f32", [4], new Float32Array(4).fill(1.01 ** forward.step));
      const cache = session.stepCache;
      if (!cache) throw new Error("the session has no step cache");
      if (await cache.shouldCompute(indicator)) {
        await this.#layers(forward, adapter, before, after);
        await cache.store({ visual: before }, { visual: after });
        computed += "1";
      } else {
        await cache.reuse({ visual: before }, { visual: after });
        computed += "0";
      }
      const out = (await after.read()).toFloat32();
      latent = latent.map((x, i) => 0.9 * x + 0.1 * Math.tanh(out[i]));
      before.dispose();
      after.dispose();
    }
    const { dense, sparse } = this.counts;
    return { output: latent, computed, denseCalls: dense, sparseCalls: sparse };
  }

  async #layers(forward: SessionForward, adapter: ModelAdapter, before: Tensor, after: Tensor): Promise<void> {
    let hidden = before;
    for (let layer = 0; layer < adapter.card.layers; layer++) {
      const spec = forward.attention();
      const key = `${spec.dense} ${JSON.stringify(spec.policy)}`;
      const attention = this.#attentions.get(key) ?? (await createAttention(this.backend, spec));
      this.#attentions.set(key, attention);
      this.counts[spec.dense ? "dense" : "sparse"]++;
      const { output } = await attention.run({ query: hidden, key: hidden, value: hidden });
      await this.backend.elementwise.subtract(output, hidden, after);
      if (hidden !== before) hidden.dispose();
      hidden = output;
    }
    await this.backend.elementwise.add(before, hidden, after);
    hidden.dispose();
  }

  dispose(): void {
    for (const attention of this.#attentions.values()) attention.dispose();
  }
}

describe("whole generations", () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await cpu.create();
  });
  afterAll(() => backend.dispose());

  it.each(modelNames)("%s, twice with the same objects", async (name) => {
    const adapter = reduced(name);
    const traces: Trace[] = [];
    for (let i = 0; i < 2; i++) {
      const generation = new Generation(backend);
      const session = adapter.session({ backend });
      traces.push(await generation.run(session));
      expect(session.done).toBe(true);
      session.dispose();
      generation.dispose();
    }
    const [first, second] = traces;
    expect(second.computed).toBe(first.computed);
    expect(second.output).toEqual(first.output);
    expect(first.output.every(Number.isFinite)).toBe(true);

    const { forwards, denseSteps, denseLayers } = adapter.schedule;
    expect(first.computed).toHaveLength(forwards.length);
    expect(first.computed).toContain("0");
    const done = forwards.filter(({ index }) => first.computed[index] === "1");
    const dense = done.reduce(
      (sum, { step }) => sum + (denseSteps.includes(step) ? adapter.card.layers : denseLayers.length),
      0,
    );
    expect(first.denseCalls).toBe(dense);
    expect(first.sparseCalls).toBe(done.length * adapter.card.layers - dense);
  });

  it("refuse to run on, or to skip layers", () => {
    const session = reduced("wan2.1-t2v-1.3b").session();
    expect(session.stepCache).toBeUndefined();
    const forward = session.next();
    forward.attention();
    expect(() => session.next()).toThrow("forward 0 stopped after 1 of 30 layers");
    for (let layer = 1; layer < 30; layer++) forward.attention();
    expect(() => forward.attention()).toThrow("has had all its 30 layers");
    expect(session.next()).toMatchObject({ index: 1, step: 0, branch: "unconditional" });
  });

  it("keep branches apart in the step cache, and copy indicators", async () => {
    const adapter = createModel("wan2.1-t2v-14b", { stepCache: { coefficients: [1, 0], threshold: 0.5 } });
    const session = adapter.session({ backend });
    const indicator = backend.upload(new HostTensor("f32", [3], Float32Array.of(1, 1, 1))) as HostTensor<"f32">;
    const decisions: boolean[] = [];
    for (let i = 0; i < 16; i++) {
      const { branch, step } = session.next();
      // The unconditional branch moves by 30 percent a step, the conditional one not at all.
      indicator.data.fill(branch === "conditional" ? 1 : 1.3 ** step);
      decisions.push((await session.stepCache?.shouldCompute(indicator)) ?? false);
    }
    expect(decisions.slice(0, 10)).toEqual(new Array(10).fill(true));
    expect(decisions.slice(10)).toEqual([false, false, false, true, false, false]);
    await expect(session.stepCache?.reuse({ visual: indicator }, { visual: indicator })).rejects.toThrow("was stored");
    session.dispose();
  });
});
