import { readFileSync } from "node:fs";
import { Drawing, networkCases } from "@spaattn/conformance";
import type { FloatDType } from "@spaattn/core";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cuda } from "../src/index.js";
import { Argument } from "../src/params.js";
import { buildStub, missingForStub, type Stub } from "./stub/stub.js";

const missing = missingForStub();
if (missing) console.warn(`SKIPPED networks against the stub driver: ${missing}`);

interface Entry {
  readonly parameterBytes?: number;
}
const manifest = JSON.parse(readFileSync(new URL("../fatbins/manifest.json", import.meta.url), "utf8")) as {
  modules: Record<string, { entries: Record<string, Record<string, Entry>> }>;
};
const structBytes = (module: string, kernel: string): number | undefined =>
  manifest.modules[module].entries[kernel]?.sm_80?.parameterBytes;

const drawn = (dtype: FloatDType) =>
  networkCases
    .filter(({ dtypes }) => dtypes?.includes(dtype) ?? true)
    .map((testCase) => {
      const drawing = new Drawing(dtype);
      testCase.draw(drawing);
      return { name: testCase.name, drawing, plan: drawing.build() };
    });

describe.skipIf(missing !== undefined)("networks, against a recording driver built from cuda.h", () => {
  let stub: Stub;
  beforeAll(() => {
    stub = buildStub();
  });
  beforeEach(() => stub.reset());

  it.each([
    ["bf16", 90],
    ["f16", 80],
    ["f32", 90],
  ] as const)(
    "every conformance case in %s has launches that fit their kernels (compute capability %i)",
    async (dtype, capability) => {
      stub.configure(13000, capability, 1);
      const backend = await cuda.create({ library: stub.path, blas: false });
      const skipped = new Set<string>();
      for (const { name, drawing, plan } of drawn(dtype)) {
        const reasons = plan.operations.map((_, i) => backend.unsupported(plan, i)).filter((reason) => reason);
        if (reasons.length > 0) {
          skipped.add(`${reasons[0]}`);
          continue;
        }
        const program = await backend.compile(plan);
        for (const launch of program.launches) {
          const bytes = structBytes(launch.module, launch.kernel);
          const given = launch.parameters.reduce(
            (sum, each) => sum + (each instanceof Argument ? each.length : 128),
            0,
          );
          if (bytes !== undefined) expect([name, launch.kernel, given]).toEqual([name, launch.kernel, bytes]);
          else expect(launch.module).toMatch(/sm90$/);
        }
        const tensors = Object.fromEntries(
          Object.entries(drawing.tensors(1)).map(([key, tensor]) => [key, backend.upload(tensor)]),
        );
        for (const [key, { role, dtype: of, shape, view }] of Object.entries(plan.values))
          if (role === "output" && !view) tensors[key] = backend.allocate(of, shape);
        await program.run(tensors);
        for (const tensor of Object.values(tensors)) tensor.dispose();
        program.dispose();
      }
      expect([...skipped]).toMatchSnapshot();
      expect(stub.context()).toBe(5);
      backend.dispose();
      expect([stub.liveBytes(), stub.liveHandles()]).toEqual([0, 0]);
    },
    300_000,
  );
});
