import { HostTensor, type Value } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import { describe, expect, it } from "vitest";
import { reference } from "../src/index.js";

const device = await reference.create();
const f32 = (shape: number[], ...values: number[]) => new HostTensor("f32", shape, Float32Array.from(values));
const values = (tensor: HostTensor) => Array.from(tensor.toFloat32());
const wave = (shape: number[], step = 0.7) =>
  f32(shape, ...Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(step * i + 1)));

/** Records a plan with one output and runs it. */
async function run(body: (g: Builder) => Value, bindings: Record<string, HostTensor>, name = "out") {
  const g = new Builder();
  g.output(name, body(g));
  const plan = g.build();
  const out = new HostTensor(plan.values[name].dtype, plan.values[name].shape);
  await (await device.compile(plan)).run({ ...bindings, [name]: out });
  return out;
}

describe("a program of the oracle", () => {
  it("computes by hand: gated pair, gate, residual", async () => {
    const out = await run(
      (g) => {
        const x = g.input("x", "f32", [1, 2, 2]);
        const weight = g.weight("w", [1, 2]);
        const times = { weight: g.weight("w2", [1, 2]), bias: g.weight("b2", [1]) };
        return g.linear(x, { weight, scale: g.weight("s", [1]) }, {
          activation: "relu", times, gate: g.input("gate", "f32", [1, 1, 1]), residual: g.input("r", "f32", [1, 2, 1]),
        });
      },
      {
        x: f32([1, 2, 2], 1, 2, -3, 1), w: f32([1, 2], 1, 1), s: f32([1], 2), w2: f32([1, 2], 0, 1), b2: f32([1], 0.5),
        gate: f32([1, 1, 1], 10), r: f32([1, 2, 1], 100, 200),
      },
    ); // biome-ignore format: as a table
    expect(values(out)).toEqual([100 + 10 * 6 * 2.5, 200]);
  });

  it("gives the same in chunks of rows as whole", async () => {
    const body = (rows: boolean) => (g: Builder) => {
      const x = g.input("x", "f32", [2, 300, 8]);
      const up = g.linearWeights("up", 600, 8);
      const down = g.linearWeights("down", 8, 600);
      const feed = () =>
        g.linear(
          g.linear(g.norm(x, { kind: "layer", eps: 1e-6, shift: g.input("shift", "f32", [2, 1, 8]) }), up, {
            activation: "silu",
          }),
          down,
          { residual: x },
        );
      return rows ? g.rows(x, feed) : feed();
    };
    const io = {
      x: wave([2, 300, 8]), shift: wave([2, 1, 8]), "up.weight": wave([600, 8]), "up.bias": wave([600]),
      "down.weight": wave([8, 600]), "down.bias": wave([8]),
    }; // biome-ignore format: as a table
    const whole = await run(body(false), io);
    expect((await run(body(true), io)).data).toEqual(whole.data);
    expect(values(whole).every(Number.isFinite)).toBe(true);
  });

  it("queues runs, reads states before they are overwritten, and fetches the weights of segments", async () => {
    const g = new Builder();
    const x = g.input("x", "f32", [1, 4]);
    const sum = g.state("sum", "f32", [1, 4]);
    const next = g.segment("add", () => g.add(g.multiply(x, g.weight("w", [4])), sum));
    g.assign(sum, next);
    g.output("y", g.unary("none", next));
    const program = await device.compile(g.build());
    const state = f32([1, 4], 1, 1, 1, 1);
    const asked: unknown[] = [];
    const weightsOf = async (segment: string, names: readonly string[]) => {
      asked.push([segment, ...names]);
      return { w: f32([4], 2, 2, 2, 2) };
    };
    const outs = [1, 2].map(() => f32([1, 4], Number.NaN, Number.NaN, Number.NaN, Number.NaN));
    await Promise.all(
      [f32([1, 4], 1, 2, 3, 4), f32([1, 4], 10, 20, 30, 40)].map((each, i) =>
        program.run({ x: each, sum: state, y: outs[i] }, { weightsOf }),
      ),
    );
    expect(values(outs[0])).toEqual([3, 5, 7, 9]);
    expect(values(outs[1])).toEqual([23, 45, 67, 89]);
    expect(values(state)).toEqual([23, 45, 67, 89]);
    expect(asked).toEqual([
      ["add", "w"],
      ["add", "w"],
    ]);
  });

  it("rejects with what progress throws, when cancelled, when disposed, and for wrong bindings", async () => {
    const g = new Builder();
    g.output("y", g.unary("exp", g.input("x", "f32", [3])));
    const program = await device.compile(g.build());
    const io = { x: wave([3]), y: wave([3]) };
    const failing = () => {
      throw new Error("no more");
    };
    await expect(program.run(io, { onProgress: failing })).rejects.toThrow("no more");
    await expect(program.run(io, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "Aborted" });
    await expect(program.run({ x: io.x })).rejects.toThrow('bindings["y"] is missing');
    await expect(program.run({ ...io, y: wave([4]) })).rejects.toThrow('bindings["y"] must have shape [3], got [4]');
    await expect(program.run(io)).resolves.toMatchObject({ steps: [{ op: "unary" }] });
    program.dispose();
    await expect(program.run(io)).rejects.toMatchObject({ code: "Disposed" });
  });

  it("writes from pieces and copies", async () => {
    const tensor = device.allocate("f16", [3]) as HostTensor;
    const bytes = new Uint8Array(Uint16Array.of(1, 2, 3).buffer);
    await device.write(tensor, [bytes.subarray(0, 1), bytes.subarray(1)]);
    expect(Array.from(tensor.data)).toEqual([1, 2, 3]);
    await expect(device.write(tensor, [bytes.subarray(1)])).rejects.toThrow(RangeError);
    const other = device.allocate("f16", [1, 3]) as HostTensor;
    await device.copy(tensor, other);
    expect(other.data).toEqual(tensor.data);
    await expect(device.copy(tensor, device.allocate("f16", [4]))).rejects.toThrow("does not fit");
  });

  it("runs sparse attention as an operation, on values that it never rounded", async () => {
    const g = new Builder({ dtype: "bf16" });
    const x = g.input("x", "bf16", [1, 200, 16]);
    const heads = g.heads(x, { heads: 2 });
    const out = g.attention(heads, heads, heads, { blockSize: 64, rectify: "tail" });
    g.output("y", g.merge(out).y);
    const y = new HostTensor("bf16", [1, 200, 16]);
    await (await device.compile(g.build())).run({ x: wave([1, 200, 16]).to("bf16"), y });
    expect(values(y).every((value) => Number.isFinite(value) && Math.abs(value) <= 1)).toBe(true);
    expect(new Set(values(y)).size).toBeGreaterThan(100);
  });

  it("refuses what needs a read-back in the middle", async () => {
    const g = new Builder();
    const q = g.input("q", "f32", [1, 1, 128, 16]);
    g.output("y", g.attention(q, q, q, { policy: { kind: "host", select: (() => undefined) as never } }));
    await expect(device.compile(g.build())).rejects.toMatchObject({ code: "Unsupported" });
  });
});
