import type { Peer, Problem } from "./peer.js";

/** jax-js on its WASM device. */
export async function jaxPeer({ tokens: S, headDim: d, query, key, value }: Problem): Promise<Peer> {
  const { init, defaultDevice, jit, numpy: np, nn } = await import("@jax-js/jax");
  await init("wasm");
  defaultDevice("wasm");
  const array = (data: Float32Array) => np.array(data as never).reshape([S, 1, d]);
  const [q, k, v] = [query, key, value].map(array);
  const attend = jit((a: typeof q, b: typeof q, c: typeof q) => nn.dotProductAttention(a, b, c));
  return {
    name: "jax-js dotProductAttention (wasm)",
    run: async () => (await attend(q.ref, k.ref, v.ref).data()) as unknown as Float32Array,
  };
}
