import type { ChooseStep, Geometry, LevelsStep, Plan, PlanStep, Step } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";

/** A caller's tensor, and the table its tokens are gathered by on the way. */
export interface Through {
  readonly name: string;
  readonly order?: string;
}

/** What a plan of rectify "levels" says, gathered, with every size derived. */
export interface LevelsParameters {
  readonly geometry: Geometry;
  readonly dtype: FloatDType;
  readonly outputDtype: FloatDType;
  /** Visual blocks. */
  readonly n: number;
  readonly depth: number;
  /** Columns of one key block: `2^(depth + 1)`. */
  readonly columns: number;
  readonly clusters: number;
  /** 0: errors from moments alone. */
  readonly probes: number;
  readonly gamma: number;
  readonly steps: number;
  readonly hMax: number;
  readonly tauMax: number;
  readonly mMin: number;
  /** Absent where the choice is given. */
  readonly choose?: ChooseStep;
  readonly inputs: Readonly<Record<"query" | "key" | "value", Through>>;
  readonly output: Through;
  /** Where `choice` comes from, and blocks that are always exact. */
  readonly choice?: string;
  readonly forced?: string;
  /** Outputs besides `output`, by name. */
  readonly extras: ReadonlySet<string>;
}

/** The parameters of a plan; undefined when it has no levels. */
export function levelsParameters(plan: Plan): LevelsParameters | undefined {
  const of = <K extends Step["op"]>(op: K) =>
    plan.steps.find(({ step }) => step.op === op) as (PlanStep & { step: Extract<Step, { op: K }> }) | undefined;
  const [cluster, nodes, errors, choose, gather] = (["cluster", "nodes", "errors", "choose", "gather"] as const).map(
    of,
  );
  const attend = of("attend");
  if (!cluster || !nodes || !gather || !attend) return undefined;
  const { geometry, tensors } = plan;
  const step = <K extends LevelsStep["op"]>(planned: PlanStep | undefined) =>
    planned?.step as Extract<LevelsStep, { op: K }>;
  const { depth, gamma, steps } = step<"nodes">(nodes);
  const { hMax, mMin } = step<"gather">(gather);
  const output = throughOut(plan, attend.out.output);
  return {
    geometry,
    dtype: tensors.query.dtype as FloatDType,
    outputDtype: tensors.output.dtype as FloatDType,
    n: geometry.visualBlocks,
    depth,
    columns: 2 ** (depth + 1),
    clusters: step<"cluster">(cluster).clusters,
    probes: step<"cluster">(cluster).probes,
    gamma,
    steps,
    hMax,
    tauMax: errors ? step<"errors">(errors).tauMax : 0,
    mMin,
    ...(choose ? { choose: step<"choose">(choose) } : { choice: gather.in.choice }),
    ...(choose?.in.forced ? { forced: choose.in.forced } : {}),
    inputs: {
      query: throughIn(plan, attend.in.query),
      key: throughIn(plan, attend.in.key),
      value: throughIn(plan, attend.in.value),
    },
    output,
    extras: new Set(
      Object.entries(tensors).flatMap(([name, { role }]) => (role === "output" && name !== output.name ? [name] : [])),
    ),
  };
}

function throughIn({ steps }: Plan, name: string): Through {
  const permute = steps.find(({ step, out }) => step.op === "permute" && out.tokens === name);
  return permute ? { name: permute.in.source, order: permute.in.order } : { name };
}

function throughOut({ steps }: Plan, name: string): Through {
  const permute = steps.find(({ step, in: inputs }) => step.op === "permute" && inputs.source === name);
  return permute ? { name: permute.out.tokens, order: permute.in.order } : { name };
}
