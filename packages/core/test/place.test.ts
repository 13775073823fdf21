import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isSpaAttnError,
  type OperationDefinition,
  type Plan,
  PlanRecorder,
  place,
  summarizePlan,
  type Value,
} from "../src/index.js";

declare module "../src/plan/plan.js" {
  interface Operations {
    mix: { readonly width: number };
  }
}

/** An operation for tests: any inputs of one shape but the last axis, one result of `width`. */
const mix: OperationDefinition<"mix"> = {
  op: "mix",
  infer: ({ width }, inputs) => {
    const { dtype, shape } = Object.values(inputs)[0];
    return { y: { dtype, shape: [...shape.slice(0, -1), width] } };
  },
  flop: () => 1,
};

const record = (g: PlanRecorder, width: number, ...inputs: Value[]) =>
  g.record(mix, { width }, Object.fromEntries(inputs.map((value, i) => [`x${i}`, value]))).y;

function chain(widths: readonly number[]): Plan {
  const g = new PlanRecorder();
  let x = g.input("x", "f32", [1, 64, 8]);
  for (const width of widths) x = record(g, width, x);
  g.output("y", x);
  return g.build();
}

/** True when two temporaries that are alive at one time share a slot. */
function overlaps(plan: Plan, limits = {}): boolean {
  const { operations, values, slotOf, scratchOf } = place(plan, limits);
  const life = new Map<string, [number, number]>();
  operations.forEach((operation, i) => {
    for (const name of [...Object.values(operation.in), ...Object.values(operation.out)]) {
      const base = values[name].view?.base ?? name;
      if (values[base].role !== "temporary") continue;
      life.set(base, [life.get(base)?.[0] ?? i, i]);
    }
  });
  const taken = [...life].map(([name, [first, last]]) => ({ slot: slotOf[name], first, last }));
  for (const [i, slot] of scratchOf.entries()) if (slot >= 0) taken.push({ slot, first: i, last: i });
  return taken.some((a, i) =>
    taken.some((b, j) => j > i && a.slot === b.slot && a.first <= b.last && b.first <= a.last),
  );
}

describe("place", () => {
  it("reuses slots along a chain: two are enough", () => {
    const placement = place(chain([8, 8, 8, 8, 8]));
    expect(placement.slots).toHaveLength(2);
    expect(placement.peakBytes).toBe(2 * 64 * 8 * 4);
  });

  it("never gives two values that are alive together one slot, whatever the graph", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            width: fc.integer({ min: 1, max: 64 }),
            from: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
            scratch: fc.nat(4096),
          }),
          { minLength: 1, maxLength: 40 },
        ),
        (steps) => {
          const g = new PlanRecorder();
          const values = [g.input("x", "f32", [1, 16, 8])];
          for (const { width, from } of steps)
            values.push(record(g, width, ...from.map((i) => values[i % values.length])));
          g.output("y", values[values.length - 1]);
          const plan = g.build();
          const scratch = (operation: (typeof plan.operations)[number]) =>
            steps[plan.operations.indexOf(operation)]?.scratch ?? 0;
          return !overlaps(plan, { scratch });
        },
      ),
    );
  });

  it("keeps a value alive through its views", () => {
    const g = new PlanRecorder();
    const x = g.input("x", "f32", [1, 64, 8]);
    const wide = record(g, 8, x);
    const part = g.view(wide, [1, 32, 8], 32 * 8);
    const other = record(g, 8, x);
    g.output("y", record(g, 8, g.view(other, [1, 32, 8]), part));
    const plan = g.build();
    expect(overlaps(plan)).toBe(false);
    expect(place(plan).slots).toHaveLength(2);
  });

  it("cuts rows into chunks that fit, batch item by batch item", () => {
    const g = new PlanRecorder();
    const x = g.input("x", "f32", [2, 1000, 8]);
    const shift = g.input("shift", "f32", [2, 1, 8]);
    const y = g.rows(x, () => record(g, 8, record(g, 512, x, shift)));
    g.output("y", y);
    const plan = g.build();
    const placement = place(plan, { rowsBytes: 512 * 4 * 256 });
    expect(placement.chunks).toEqual([256]);
    expect(placement.operations).toHaveLength(2 * 2 * 4);
    const last = placement.operations[placement.operations.length - 1];
    expect(placement.values[last.out.y]).toMatchObject({
      shape: [1, 232, 8],
      view: { base: "y", offset: (1000 + 768) * 8 },
    });
    const first = placement.operations[placement.operations.length - 2];
    expect(placement.values[first.in.x1]).toMatchObject({ shape: [1, 1, 8], view: { base: "shift", offset: 8 } });
    expect(summarizePlan(plan, placement).flop).toBeCloseTo(2);
    expect(overlaps(plan, { rowsBytes: 512 * 4 * 256 })).toBe(false);
  });

  it("makes chunks smaller to keep within a limit, and says the peak where that is not enough", () => {
    const g = new PlanRecorder();
    const x = g.input("x", "f32", [1, 4096, 8]);
    g.output(
      "y",
      g.rows(x, () => record(g, 8, record(g, 1024, x))),
    );
    const plan = g.build();
    expect(place(plan, { memoryLimit: 1e6 }).peakBytes).toBeLessThanOrEqual(1e6);
    try {
      place(plan, { memoryLimit: 1e5 });
      expect.unreachable();
    } catch (error) {
      expect(isSpaAttnError(error, "OutOfMemory")).toBe(true);
      expect((error as Error).message).toMatch(/needs 0\.3 MB .* 0\.1 MB/);
    }
  });

  it("refuses a value larger than a binding by name, but not one that is only touched in chunks", () => {
    expect(() => place(chain([8, 4096, 8]), { maxValueBytes: 1e6 })).toThrow(/"%mix\.1" .* takes 1\.0 MB/);
    const g = new PlanRecorder();
    const x = g.input("x", "f32", [1, 4096, 64]);
    g.output(
      "y",
      g.rows(x, () => record(g, 64, x)),
    );
    expect(place(g.build(), { maxValueBytes: 1e5, rowsBytes: 1e5 }).chunks[0]).toBeLessThan(4096);
  });
});

describe("PlanRecorder", () => {
  it("refuses to let values escape from rows", () => {
    const g = new PlanRecorder();
    const x = g.input("x", "f32", [1, 64, 8]);
    let inner = x;
    const y = g.rows(x, () => {
      inner = record(g, 8, x);
      return record(g, 8, inner);
    });
    g.output("z", record(g, 8, y, inner));
    expect(() => g.build()).toThrow(/exists inside a region of rows only/);
  });

  it("lists the weights of a segment, and checks shapes against the file's", () => {
    const g = new PlanRecorder({ weightSpec: (name) => (name === "a" ? { dtype: "bf16", shape: [8, 8] } : undefined) });
    const x = g.input("x", "f32", [1, 64, 8]);
    g.segment("block 0", () => record(g, 8, x, g.weight("a", [8, 8])));
    const plan = g.build();
    expect(plan.segments[0]).toEqual({ name: "block 0", first: 0, end: 1, weights: ["a"] });
    expect(plan.values.a.dtype).toBe("bf16");
    expect(() => g.weight("a", [8, 9])).toThrow('weight "a" must have shape [8, 9], the file has [8, 8]');
  });
});
