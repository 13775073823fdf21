import { createAttention, hostPolicy } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";

import { describe, expect, it } from "vitest";
import { reference } from "../src/index.js";

const [heads, headDim, tokens] = [2, 16, 320];
const values = (seed: number) => {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: heads * tokens * headDim }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
};
const tensors = (seed: number) => {
  const tensor = (i: number) => new HostTensor("f32", [1, heads, tokens, headDim], values(10 * seed + i));
  return { query: tensor(1), key: tensor(2), value: tensor(3) };
};

describe.each([
  ["paper", {}],
  ["tail", {}],
  ["tail with a host policy", { policy: hostPolicy(({ block }) => [block, (block + 2) % 5]) }],
] as const)("runs of one attention, %s", (name, more) => {
  it("asked for at once give what they give one after the other", async () => {
    const rectify = name === "paper" ? "paper" : "tail";
    const spec = { heads, headDim, visualTokens: tokens, blockSize: 64, rectify, ...more } as const;
    const attention = await createAttention(await reference.create(), spec);
    const ios = [tensors(1), tensors(2), tensors(3)];
    const alone: HostTensor[] = [];
    for (const io of ios) alone.push((await attention.run(io)).output as HostTensor);
    const together = await Promise.all(ios.map((io) => attention.run(io)));
    for (const [i, { output }] of together.entries()) expect((output as HostTensor).data).toEqual(alone[i].data);
  });

  it("go on after one that was cancelled", async () => {
    const attention = await createAttention(await reference.create(), {
      heads,
      headDim,
      visualTokens: tokens,
      blockSize: 64,
    });
    const cancelled = attention.run(tensors(1), { signal: AbortSignal.abort() });
    const next = attention.run(tensors(2));
    await expect(cancelled).rejects.toMatchObject({ code: "Aborted" });
    expect((await next).output.shape).toEqual([1, heads, tokens, headDim]);
  });
});
