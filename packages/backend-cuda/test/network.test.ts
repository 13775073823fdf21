import { readFileSync } from "node:fs";
import { Drawing, networkCases } from "@spaattn/conformance";
import { type FloatDType, HostTensor } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
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

describe.skipIf(missing !== undefined)("a program", () => {
  let stub: Stub;
  beforeAll(() => {
    stub = buildStub();
  });
  beforeEach(() => stub.reset());

  const launches = () =>
    stub
      .log()
      .split("\n")
      .filter((line) => line.startsWith("launch "));
  const chain = (length: number, segments = false) => {
    const g = new Builder({ dtype: "bf16" });
    const x = g.input("x", "bf16", [1, 64]);
    let y = x;
    for (let i = 0; i < length; i++) y = segments ? g.segment(`segment ${i}`, () => g.add(y, x)) : g.add(y, x);
    g.output("y", y);
    return g.build();
  };
  const open = () => cuda.create({ library: stub.path, blas: false });
  type Backend = Awaited<ReturnType<typeof open>>;
  const tensors = (backend: Backend) => ({
    x: backend.upload(new HostTensor("bf16", [1, 64])),
    y: backend.allocate("bf16", [1, 64]),
  });

  it("becomes a graph when it runs again with the same tensors, and another one with others", async () => {
    const backend = await open();
    const program = await backend.compile(chain(100));
    const [first, second] = [tensors(backend), tensors(backend)];
    const counts = [];
    for (const bindings of [first, first, first, second, second, second]) {
      stub.reset();
      await program.run(bindings);
      const captured = stub.log().includes("cuStreamBeginCapture_v2");
      counts.push([launches().length, captured, stub.log().includes("cuGraphLaunch")]);
    }
    expect(counts).toEqual([
      [100, false, false],
      [100, true, true],
      [0, false, true],
      [100, false, false],
      [100, true, true],
      [0, false, true],
    ]);
    const plain = await backend.compile(chain(100), { graph: false });
    for (let i = 0; i < 3; i++) await plain.run(first);
    expect(launches()).toHaveLength(300);
    backend.dispose();
  });

  it("is launched one by one into a stream that the caller captures", async () => {
    const backend = await open();
    const program = await backend.compile(chain(100));
    const bindings = tensors(backend);
    stub.reset();
    for (let i = 0; i < 3; i++) program.encode(0xcafen, bindings);
    expect(launches()).toHaveLength(300);
    expect(stub.log()).not.toMatch(/cuGraphLaunch|cuStreamWaitEvent/);
    backend.dispose();
  });

  it("waits on the device, not on the host, for whoever used its memory before", async () => {
    const backend = await open();
    const program = await backend.compile(chain(3));
    const bindings = tensors(backend);
    stub.reset();
    program.encode(0xabcn, bindings);
    program.encode(0xdefn, bindings);
    const waits = stub
      .log()
      .split("\n")
      .filter((line) => line.startsWith("cuStreamWaitEvent"));
    // Each waits for the backend's own stream; the second for the first too.
    expect(waits).toEqual(["abc", "def", "def"].map((stream) => `cuStreamWaitEvent stream=${stream}`));
    await program.run(bindings);
    expect(stub.log()).toMatch(/cuStreamWaitEvent stream=600000001230\n/);
    backend.dispose();
  });

  it("records beside a run into memory of its own", async () => {
    const backend = await open();
    const program = await backend.compile(chain(3, true));
    const [a, b] = [tensors(backend), tensors(backend)];
    const before = backend.memory.inUse;
    let during = 0;
    await program.run(a, {
      onProgress: () => {
        program.encode(0xabcn, b);
        during = Math.max(during, backend.memory.held);
      },
    });
    expect(backend.memory.inUse).toBe(before);
    expect(during).toBeGreaterThan(before);
    expect(launches()).toHaveLength(12);
    backend.dispose();
  });

  it("lets freed memory rest while a stream of the caller may use it", async () => {
    const backend = await open();
    const program = await backend.compile(chain(3));
    const bindings = tensors(backend);
    program.encode(0xabcn, bindings);
    stub.busy(1);
    const { pointer } = bindings.y;
    bindings.y.dispose();
    expect(backend.allocate("bf16", [1, 64]).pointer).not.toBe(pointer);
    stub.busy(0);
    const again = Array.from({ length: 4 }, () => backend.allocate("bf16", [1, 64]).pointer);
    expect(again).toContain(pointer);
    backend.dispose();
  });

  it("takes a segment's weights when its turn comes, and says which", async () => {
    const g = new Builder({ dtype: "bf16" });
    let y = g.input("x", "bf16", [1, 64]);
    for (const name of ["a", "b", "c"])
      y = g.segment(name, () => g.linear(y, { weight: g.weight(`${name}.weight`, [64, 64]) }));
    g.output("y", y);
    const backend = await open();
    const program = await backend.compile(g.build());
    const asked: [string, readonly string[]][] = [];
    const report = await program.run(tensors(backend), {
      weightsOf: (segment, names) => {
        asked.push([segment, names]);
        return Object.fromEntries(names.map((name) => [name, backend.allocate("f32", [64, 64])]));
      },
    });
    expect(asked).toEqual([
      ["a", ["a.weight"]],
      ["b", ["b.weight"]],
      ["c", ["c.weight"]],
    ]);
    expect(report.steps.map(({ op }) => op)).toEqual(["a", "b", "c"]);
    await expect(program.run(tensors(backend))).rejects.toThrow(/bindings\.a\.weight must be a tensor of this backend/);
    backend.dispose();
  });

  it("refuses tensors of another type or size, and what it cannot run", async () => {
    const backend = await open();
    const program = await backend.compile(chain(3));
    const bindings = tensors(backend);
    await expect(program.run({ ...bindings, y: backend.allocate("f32", [1, 64]) })).rejects.toThrow(
      /bindings\.y must be bf16/,
    );
    const g = new Builder({ dtype: "f32" });
    g.output("y", g.unary("abs", g.input("x", "f32", [4]), { dtype: "i32" }));
    await expect(backend.compile(g.build())).rejects.toMatchObject({ code: "Unsupported" });
    await expect(backend.compile(chain(3), { memoryLimit: 10 })).rejects.toMatchObject({ code: "OutOfMemory" });
    program.dispose();
    expect(() => program.encode(0n, bindings)).toThrow(/disposed/);
    backend.dispose();
  });

  it("leaves the caller's context as it was after every call", async () => {
    const seen: number[] = [];
    const backend = await open();
    seen.push(stub.context());
    const bindings = tensors(backend);
    seen.push(stub.context());
    const program = await backend.compile(chain(3));
    seen.push(stub.context());
    const run = program.run(bindings);
    seen.push(stub.context());
    await run;
    program.encode(0xabcn, bindings);
    seen.push(stub.context());
    stub.fail("cuMemAlloc_v2", 2, 0);
    expect(() => backend.allocate("f32", [1 << 20])).toThrow();
    seen.push(stub.context());
    backend.dispose();
    seen.push(stub.context());
    expect(seen).toEqual(seen.map(() => 5));
  });

  it("is written to piece by piece, and copied", async () => {
    const backend = await open();
    const tensor = backend.allocate("f32", [5_000_000]);
    const pieces = Array.from({ length: 5 }, (_, i) => new Uint8Array(new Float32Array(1_000_000).fill(i).buffer));
    await backend.write(tensor, pieces);
    const copy = backend.allocate("f32", [5_000_000]);
    await backend.copy(tensor, copy);
    const { data } = await copy.read();
    expect([0, 1_999_999, 4_999_999].map((i) => data[i])).toEqual([0, 1, 4]);
    await expect(backend.write(tensor, pieces.slice(1))).rejects.toThrow(RangeError);
    await expect(backend.copy(tensor, backend.allocate("f32", [4]))).rejects.toThrow(RangeError);
    backend.dispose();
  });
});
