import type { Plan } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import { expect, it } from "vitest";
import { buildInputs, compare, trueBlockMass } from "../src/index.js";
import { movingSquare } from "./clips.js";

it("runs on a backend that has 16-bit types alone, rounding the inputs once for every mode", async () => {
  const inputs = buildInputs(movingSquare(6, 40, 56), { heads: 2, maxTokens: 500, blockSize: 64 });
  const whole = await cpu.create({ threads: 1 });
  const seen = new Set<string>();
  const capabilities = { ...whole.capabilities, dtypes: ["f16"] as const };
  const half = new Proxy(whole, {
    get(target, name) {
      if (name === "capabilities") return capabilities;
      if (name === "prepare")
        return (plan: Plan) => {
          seen.add(plan.tensors.query.dtype);
          return target.prepare(plan);
        };
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const [exact, rounded] = [await compare(whole, inputs), await compare(half, inputs)];
  expect([...seen]).toEqual(["f16"]);
  for (const [i, row] of rounded.rows.entries()) expect(row.relL2).toBeCloseTo(exact.rows[i].relL2, 2);
  const [a, b] = [await trueBlockMass(whole, inputs), await trueBlockMass(half, inputs)];
  for (let i = 0; i < a.data.length; i++) expect(b.data[i]).toBeCloseTo(a.data[i], 2);
  whole.dispose();
});
