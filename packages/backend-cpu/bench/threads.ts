import { loadavg } from "node:os";
import { createAttention, topBlocks } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { HostTensor } from "@spaattn/core";
import { median } from "./rounds.js";

const fill = (tensor: HostTensor<"f32">) => {
  let state = 7;
  for (let i = 0; i < tensor.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    tensor.data[i] = state / 2 ** 31;
  }
  return tensor;
};

const random = (shape: readonly number[]) => fill(new HostTensor("f32", shape));

/** Wall time of one and two threads, in turn. Means something only on an idle machine. */
export async function scaling(rounds: number) {
  const [heads, tokens, headDim] = [2, 8192, 128];
  const shape = [1, heads, tokens, headDim];
  const io = { query: random(shape), key: random(shape), value: random(shape), output: new HostTensor("f32", shape) };
  const times: [number[], number[]] = [[], []];
  const backends = await Promise.all([1, 2].map((threads) => cpu.create({ threads, kernel: "simd" })));
  const runs = await Promise.all(
    backends.map((backend) => createAttention(backend, { heads, headDim, visualTokens: tokens, dense: true })),
  );
  for (let round = 0; round <= rounds; round++)
    for (const [i, run] of runs.entries()) {
      const { report } = await run.run(io);
      // The first round compiles and starts threads.
      if (round > 0) times[i].push(report.ms);
    }
  for (const backend of backends) backend.dispose();
  const [one, two] = times.map(median);
  return { one, two, speedup: one / two, load: loadavg()[0] };
}

/** A full self-attention layer of Wan2.1-1.3B at 480p (21 x 30 x 52 tokens), with progress. */
export async function wanLayer(threads: number | undefined, say: (line: string) => void) {
  const [heads, tokens, headDim] = [12, 32_760, 128];
  const shape = [1, heads, tokens, headDim];
  const io = { query: random(shape), key: random(shape), value: random(shape), output: new HostTensor("f32", shape) };
  const backend = await cpu.create(threads === undefined ? {} : { threads });
  const base = { heads, headDim, visualTokens: tokens };
  const policy = topBlocks({ dropRate: 0.8 });
  const specs = {
    "tail 80": { ...base, policy },
    "paper 80": { ...base, policy, rectify: "paper" as const },
    dense: { ...base, dense: true },
  };
  const ms: Record<string, number> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const attention = await createAttention(backend, spec);
    let said = 0;
    const onProgress = (done: number) => {
      if (done - said < 0.2) return;
      said = done;
      say(`  ${name}: ${(100 * done).toFixed(0)} %`);
    };
    ms[name] = (await attention.run(io, { onProgress })).report.ms;
    say(`  ${name}: done in ${(ms[name] / 1000).toFixed(1)} s`);
    attention.dispose();
  }
  backend.dispose();
  return ms;
}
