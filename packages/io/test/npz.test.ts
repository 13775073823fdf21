import { readFileSync } from "node:fs";
import { HostTensor } from "@spaattn/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectFailure } from "../../weights/test/helpers.js";
import { npzChunks, openNpz } from "../src/index.js";

const FILES: Record<string, string> = JSON.parse(readFileSync(new URL("./fixtures/npz.json", import.meta.url), "utf8"));
const fixture = (name: string) => Uint8Array.from(Buffer.from(FILES[name], "base64"));

describe("npz", () => {
  it.each(["stored", "deflated"])("reads what numpy wrote, %s", async (name) => {
    const npz = await openNpz(fixture(name));
    expect(npz.names).toEqual(["query", "count"]);
    const query = await npz.tensor("query");
    expect([query.dtype, query.shape]).toEqual(["f32", [2, 3, 4]]);
    expect([...query.data]).toEqual(Array.from({ length: 24 }, (_, i) => i / 4));
    expect([...(await npz.tensor("count")).data]).toEqual([0, 1, 2]);
    await expect(npz.tensor("value")).rejects.toThrow('has no array "value" (it has query, count)');
  });

  it("comes back as it was written", async () => {
    const tensors = { a: new HostTensor("f16", [3], Uint16Array.of(1, 2, 3)), "b/c": new HostTensor("u8", [2, 2]) };
    const npz = await openNpz(Buffer.concat([...npzChunks(tensors)]));
    expect(npz.names).toEqual(["a", "b/c"]);
    expect([...(await npz.tensor("a")).data]).toEqual([1, 2, 3]);
    expect((await npz.tensor("b/c")).shape).toEqual([2, 2]);
    expect(() => [...npzChunks({ x: new HostTensor("bf16", [1]) })]).toThrow(/bf16 tensor has no npy type/);
  });

  it("notices damage anywhere, and never ends in anything else", async () => {
    const whole = fixture("deflated");
    await expectFailure(openNpz(whole.subarray(0, whole.length - 30)), "MalformedFile", /truncated|directory/);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bytes = whole.slice();
        bytes[at] ^= flip;
        try {
          const npz = await openNpz(bytes);
          for (const name of npz.names) await npz.tensor(name);
        } catch (error) {
          expect(["MalformedFile", "Unsupported", "OutOfMemory"]).toContain((error as { code?: string }).code);
        }
      }),
      { numRuns: 300 },
    );
  });
});
