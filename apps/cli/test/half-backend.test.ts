import type { Backend } from "@spaattn/attention";
import { buildInputs } from "@spaattn/lab";
import { resolveBackend } from "spaattn";
import { expect, it } from "vitest";
import { estimateMask } from "../src/inspect/estimate-mask.js";

it("inspects on a backend that has 16-bit types alone", async () => {
  const frame = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * i) % 251);
  const inputs = buildInputs(
    { frames: 1, height: 32, width: 32, data: frame },
    { heads: 1, maxTokens: 256, blockSize: 64 },
  );
  const backend = await (await resolveBackend("cpu")).create();
  const capabilities = { ...backend.capabilities, dtypes: ["bf16"] as const };
  const half: Backend = new Proxy(backend, {
    get: (target, name) => {
      if (name === "capabilities") return capabilities;
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const [exact, rounded] = [
    await estimateMask(backend, inputs, { rectify: "tail" }, {}),
    await estimateMask(half, inputs, { rectify: "tail" }, {}),
  ];
  expect(Array.from(rounded.mask.counts)).toEqual(Array.from(exact.mask.counts));
  backend.dispose();
});
