import { HostTensor } from "@spaattn/core";
import { lowerPolicy } from "../selection.js";
import type { ResolvedSpec } from "../spec.js";
import type { PlanWriter } from "../writer.js";
import { nodeRowCount } from "./choice/tree.js";

type Names = Record<string, string>;

/** Writes the steps of `rectify: "levels"` before attention; returns what attention reads (levels.md). */
export function writeLevels(plan: PlanWriter, spec: ResolvedSpec, names: Names, choiceAsInput: boolean): Names {
  const { geometry, levels } = spec;
  const { batch, heads, visualBlocks: n, headDim: d, blockSize, blocks } = geometry;
  const { depth, clusters, probes, gamma, steps, hMax, tauMax, mMin } = levels;
  const rows = nodeRowCount(n, depth);
  const whole = (name: string, ...shape: number[]) => plan.declare(name, "i32", [batch, heads, ...shape]);

  const means = plan.perHead("queryMean", n, d);
  const anchor = plan.perHead("anchor", clusters, d);
  const queries = { cluster: whole("cluster", n), ...plan.perHead("querySpread", n, d) };
  const probing = probes > 0 && !choiceAsInput;
  const probe = probing ? { ...plan.perHead("probe", n, probes, d), probeCount: whole("probeCount", n) } : {};
  plan.push(
    { op: "cluster", clusters, probes: probing ? probes : 0, steps },
    { query: names.query },
    { ...means, ...anchor, ...queries, ...probe },
  );

  const order: Names = plan.wants("order") ? { order: whole("order", n * blockSize) } : {};
  const pairs = { ...plan.perHead("nodeKey", clusters, rows, d), ...plan.perHead("nodeValue", clusters, rows, d) };
  const bounds = { ...plan.perHead("nodeMass", clusters, rows), ...plan.perHead("nodeSpread", clusters, rows, d) };
  const noise = plan.perHead("nodeNoise", clusters, rows);
  const tokens = { key: names.key, value: names.value };
  plan.push(
    { op: "nodes", depth, gamma, steps },
    { ...tokens, ...anchor },
    { ...order, ...pairs, ...bounds, ...noise },
  );

  const choice = { choice: plan.declare("choice", "u8", [batch, heads, n, n], choiceAsInput ? "input" : undefined) };
  if (!choiceAsInput) {
    const error = { ...plan.perHead("levelError", depth + 1, n, n), ...plan.perHead("outputPower", n) };
    plan.push(
      { op: "errors", depth, probes, hMax, tauMax, mMin },
      { ...means, ...queries, ...probe, ...pairs, ...bounds, ...noise, ...tokens },
      {
        ...error,
        ...plan.onRequest("momentError", depth + 1, n, n),
        ...(probing ? plan.onRequest("probeError", depth + 1, n, n) : {}),
      },
    );
    const { levels: list, budgets, scope, search, tolerance, weight } = levels;
    plan.push(
      { op: "choose", levels: list, budgets, scope, search, weight, ...(tolerance === undefined ? {} : { tolerance }) },
      { ...error, ...forcedPairs(plan, spec) },
      { ...choice, ...plan.onRequest("multiplier", n) },
    );
  }

  const lists = { counts: whole("counts", n), indices: whole("indices", n, blocks) };
  const most = n * 2 ** depth;
  const gathered = {
    rowCounts: whole("rowCounts", n),
    rowIndices: whole("rowIndices", n, most),
    ...plan.perHead("rowBias", n, most),
  };
  plan.push({ op: "gather", depth, hMax, mMin }, { ...choice, ...queries, ...bounds }, { ...lists, ...gathered });
  return { ...lists, ...gathered, ...pairs, cluster: queries.cluster };
}

function forcedPairs(plan: PlanWriter, { geometry, policy, behaviour, rectify, layout }: ResolvedSpec): Names {
  const { forced } = lowerPolicy(policy, { geometry, behaviour, rectify, ...(layout ? { layout } : {}) });
  const { visualBlocks: n } = geometry;
  return forced ? { forced: plan.constant("forced", new HostTensor("u8", [n, n], forced)) } : {};
}
