import { model, type Node } from "./onnx.js";
import type { Peer, Problem } from "./peer.js";

interface Session {
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: Float32Array }>>;
}
interface Runtime {
  readonly Tensor: new (type: "float32", data: Float32Array, shape: number[]) => unknown;
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<Session> };
  readonly env: { wasm: { numThreads: number }; logLevel?: string };
}

const FUSED: Node[] = [
  {
    op: "MultiHeadAttention",
    inputs: ["q", "k", "v"],
    outputs: ["o"],
    attributes: { num_heads: 1 },
    domain: "com.microsoft",
  },
];
const SEPARATE: Node[] = [
  { op: "MatMul", inputs: ["q", "k"], outputs: ["s"] },
  { op: "Softmax", inputs: ["s"], outputs: ["p"], attributes: { axis: -1 } },
  { op: "MatMul", inputs: ["p", "v"], outputs: ["o"] },
];

/** onnxruntime, native or WASM: its fused attention, and the two products with a softmax between. */
export async function onnxruntimePeers(native: boolean, problem: Problem): Promise<Peer[]> {
  const { tokens: S, headDim: d, query, key, value } = problem;
  const module = native ? await import("onnxruntime-node") : await import("onnxruntime-web/wasm" as string);
  const ort = ((module as { default?: unknown }).default ?? module) as Runtime;
  if (!native) ort.env.wasm.numThreads = 1;
  const options = native
    ? { intraOpNumThreads: 1, interOpNumThreads: 1, executionProviders: ["cpu"] }
    : { executionProviders: ["wasm"], logSeverityLevel: 3 };
  const tensor = (data: Float32Array, shape: number[]) => new ort.Tensor("float32", data, shape);
  const label = native ? "onnxruntime-node" : "onnxruntime-web";

  // The fused operator scales by itself; the separate one gets scaled queries and transposed keys for free.
  const fused = await ort.InferenceSession.create(
    model(
      FUSED,
      [
        ["q", [1, S, d]],
        ["k", [1, S, d]],
        ["v", [1, S, d]],
      ],
      [["o", [1, S, d]]],
    ),
    options,
  );
  const fusedFeeds = { q: tensor(query, [1, S, d]), k: tensor(key, [1, S, d]), v: tensor(value, [1, S, d]) };
  const separate = await ort.InferenceSession.create(
    model(
      SEPARATE,
      [
        ["q", [S, d]],
        ["k", [d, S]],
        ["v", [S, d]],
      ],
      [["o", [S, d]]],
    ),
    options,
  );
  const transposed = new Float32Array(S * d);
  for (let i = 0; i < S; i++) for (let x = 0; x < d; x++) transposed[x * S + i] = key[i * d + x];
  const scaled = query.map((x) => x * d ** -0.5);
  const separateFeeds = { q: tensor(scaled, [S, d]), k: tensor(transposed, [d, S]), v: tensor(value, [S, d]) };
  return [
    { name: `${label} MultiHeadAttention`, run: async () => (await fused.run(fusedFeeds)).o.data },
    { name: `${label} MatMul+Softmax+MatMul`, run: async () => (await separate.run(separateFeeds)).o.data },
  ];
}
