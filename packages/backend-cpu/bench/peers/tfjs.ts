import { createRequire } from "node:module";
import { dirname } from "node:path";
import type { Peer, Problem } from "./peer.js";

/** TensorFlow.js on its WASM backend. */
export async function tfjsPeer({ tokens: S, headDim: d, query, key, value }: Problem): Promise<Peer> {
  const tf = await import("@tensorflow/tfjs-core");
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  wasm.setWasmPaths(`${folder}/`);
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  const [q, k, v] = [query, key, value].map((data) => tf.tensor2d(data, [S, d]));
  const run = () => tf.tidy(() => tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), d ** -0.5)), v));
  return {
    name: "tfjs-wasm matMul+softmax+matMul",
    async run() {
      const out = run();
      const data = (await out.data()) as Float32Array;
      out.dispose();
      return data;
    },
  };
}
