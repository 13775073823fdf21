import type { Device, Plan } from "@spaattn/core";
import { expandPlan } from "@spaattn/nn";
import { reference } from "@spaattn/reference";
import { describe, expect, it } from "vitest";
import { describeCheck, runNetwork, skips } from "../../src/index.js";

/** Whether an operation is one of those that everything else is made of. */
function isSimple(plan: Plan, index: number): boolean {
  const { op, attrs, in: inputs } = plan.operations[index];
  const has = (...roles: string[]) => roles.some((role) => role in inputs);
  switch (op) {
    case "linear":
      return (attrs as { activation: string }).activation === "none" && !has("weight2", "gate", "residual", "scale");
    case "norm":
      return (attrs as { activation: string }).activation === "none" && !has("weight", "bias", "shift", "scale");
    case "conv": {
      const { front, padding } = attrs as { front: number; padding: Record<string, number> };
      return !has("history", "residual") && front + Object.values(padding).reduce((a, b) => a + b) === 0;
    }
    case "attention":
      return !(attrs as { spec: { dense: boolean } }).spec.dense;
    default:
      return op !== "heads" && op !== "merge";
  }
}

/** The oracle without composites: it expands what it is given. */
async function simpleDevice(seen: string[]): Promise<Device> {
  const oracle = await reference.create();
  return {
    ...oracle,
    compile(plan: Plan) {
      const expanded = expandPlan(plan, (of, i) => (isSimple(of, i) ? undefined : "composite"));
      seen.push(...expanded.operations.filter((_, i) => !isSimple(expanded, i)).map(({ op }) => op));
      return oracle.compile(expanded);
    },
  };
}

describe("composites in simpler operations", () => {
  it.each([
    ["f32", "all"],
    ["bf16", "small"],
  ] as const)(
    "compute the same in %s (%s cases)",
    async (dtype, size) => {
      const left: string[] = [];
      const report = await runNetwork(await simpleDevice(left), { dtypes: [dtype], size });
      expect(report.checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
      expect(skips(report)).toEqual([]);
      expect(report.passed).toBeGreaterThan(300);
      // Rows that an index chooses for two batch items.
      expect(left).toEqual(["linear", "norm"]);
    },
    240_000,
  );
});
