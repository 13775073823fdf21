import { type AttentionSpec, keptBlocks, topBlocks } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { canRun } from "../src/wasm/module.js";
import { jaxPeer } from "./peers/jax.js";
import { onnxruntimePeers } from "./peers/onnxruntime.js";
import type { Peer, Problem } from "./peers/peer.js";
import { tfjsPeer } from "./peers/tfjs.js";
import { type Contender, interleave, median } from "./rounds.js";
import { runner, type Spent } from "./timed.js";

export interface SizeResult {
  readonly tokens: number;
  readonly headDim: number;
  /** GFLOP/s of the register-only multiply-and-add loop. */
  readonly peak: number;
  /** CPU milliseconds by contender. */
  readonly ms: Readonly<Record<string, number>>;
  /** Median shares of our own runs. */
  readonly spent: Readonly<Record<string, Spent>>;
  /** Key tiles computed by our runs. */
  readonly blocks: Readonly<Record<string, number>>;
  /** Largest difference of each peer's output from ours. */
  readonly agreement: Readonly<Record<string, number>>;
  readonly skipped: readonly string[];
}

/** Blocks in curve order of smooth inputs: neighbours resemble each other, as in a video. */
function problem(tokens: number, headDim: number): Problem {
  const make = (phase: number) => {
    const data = new Float32Array(tokens * headDim);
    let state = phase + 1;
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const [token, x] = [Math.floor(i / headDim), i % headDim];
      data[i] = Math.sin((token * (x + 3)) / 2000 + phase + x) + (0.6 * state) / 2 ** 31;
    }
    return data;
  };
  return { tokens, headDim, query: make(0), key: make(1), value: make(2) };
}

export const MODES = ["dense", "none 80", "paper 80", "tail 80", "tail 90"] as const;
export const KERNELS = ["simd", "relaxed"] as const;
type Mode = (typeof MODES)[number];

function specOf(name: Mode, tokens: number, headDim: number): AttentionSpec {
  const base = { heads: 1, headDim, visualTokens: tokens };
  if (name === "dense") return { ...base, dense: true };
  const [rectify, percent] = name.split(" ");
  return { ...base, rectify: rectify as "tail", policy: topBlocks({ dropRate: Number(percent) / 100 }) };
}

async function peersOf(given: Problem, skipped: string[]): Promise<Peer[]> {
  const peers: Peer[] = [];
  const add = async (what: string, make: () => Promise<Peer | Peer[]>) => {
    try {
      peers.push(...[await make()].flat());
    } catch (error) {
      skipped.push(`${what}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
    }
  };
  await add("onnxruntime-node", () => onnxruntimePeers(true, given));
  await add("onnxruntime-web", () => onnxruntimePeers(false, given));
  await add("jax-js", () => jaxPeer(given));
  await add("tfjs-wasm", () => tfjsPeer(given));
  return peers;
}

/** Measures one size: ours in every mode, the peak, and the peers, on one thread. */
export async function measureSize(
  tokens: number,
  headDim: number,
  options: { rounds: number; withPeers: boolean; peak: (passes: number) => number },
): Promise<SizeResult> {
  const given = problem(tokens, headDim);
  const shape = [1, 1, tokens, headDim];
  const tensor = (data?: Float32Array) => new HostTensor("f32", shape, data);
  const io = {
    query: tensor(given.query),
    key: tensor(given.key),
    value: tensor(given.value),
    output: tensor(),
  };
  const skipped: string[] = [];
  const contenders: Contender[] = [];
  const passes = 4e6;
  contenders.push({ name: "peak", run: async () => options.peak(passes) });
  const kernels = KERNELS.filter(canRun);
  for (const kernel of kernels)
    for (const mode of MODES)
      contenders.push({ name: `${kernel} ${mode}`, run: await runner(kernel, specOf(mode, tokens, headDim), io) });
  if (kernels.length < 2)
    skipped.push("relaxed SIMD: this engine has none (Node 20 needs --experimental-wasm-relaxed-simd)");
  // Slow contenders take part in a few rounds only.
  const few = tokens > 4096 ? 1 : options.rounds;

  const peers = options.withPeers ? await peersOf(given, skipped) : [];
  const agreement: Record<string, number> = {};
  await (await runner("simd", specOf("dense", tokens, headDim), io))();
  const ours = io.output.data.slice();
  for (const peer of peers) {
    try {
      const theirs = await peer.run();
      agreement[peer.name] = ours.reduce((worst, x, i) => Math.max(worst, Math.abs(x - theirs[i])), 0);
      contenders.push({ name: peer.name, run: () => peer.run(), rounds: few });
    } catch (error) {
      skipped.push(`${peer.name}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
    }
  }

  const measured = await interleave(contenders, options.rounds);
  const ms = Object.fromEntries(contenders.map(({ name }) => [name, measured.ms(name)]));
  const spent: Record<string, Spent> = {};
  const blocks: Record<string, number> = {};
  const n = Math.ceil(tokens / 128);
  for (const kernel of kernels)
    for (const mode of MODES) {
      const name = `${kernel} ${mode}`;
      const runs = measured.results<Spent>(name);
      const of = (key: keyof Spent) => median(runs.map((run) => run[key]));
      spent[name] = { total: of("total"), attend: of("attend"), pack: of("pack"), estimate: of("estimate") };
      const share = mode === "dense" ? n : Math.max(1, keptBlocks(Number(mode.split(" ")[1]) / 100, n, "corrected"));
      blocks[name] = n * share;
      ms[name] = spent[name].total;
    }
  return { tokens, headDim, peak: (48 * passes) / ms.peak / 1e6, ms, spent, blocks, agreement, skipped };
}
