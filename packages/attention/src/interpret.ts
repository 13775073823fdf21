import type { Tensor } from "@spaattn/core";
import { SpaAttnError, throwIfAborted } from "@spaattn/core";
import type { Backend, Bindings, Program, RunContext, RunOptions, RunReport, StepTiming } from "./backend.js";
import type { LevelsPrimitives } from "./levels/steps.js";
import type { Plan, PlanStep } from "./plan.js";

type Roles = Record<string, Tensor>;

/** Runs a plan one primitive after the other, unfused. Every backend can be run this way. */
export function interpret(backend: Backend, plan: Plan): Program {
  const held = allocateHeld(backend, plan);
  // Runs share the workspace, so each waits for the one before, whatever became of it.
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(bindings: Bindings, options: RunOptions = {}): Promise<RunReport> {
      const turn = last.then(() => runOnce(bindings, options));
      last = turn.catch(() => undefined);
      return turn;
    },
    describe: () =>
      plan.steps.map(({ step }) => ({
        op: step.op,
        kernel: `${backend.name}.${step.op}`,
        reason: "one call per step",
      })),
    dispose: () => {
      for (const tensor of Object.values(held)) tensor.dispose();
    },
  };

  async function runOnce(bindings: Bindings, options: RunOptions): Promise<RunReport> {
    const tensors = { ...held, ...bindings };
    const steps: StepTiming[] = [];
    const share = 1 / plan.steps.length;
    const begin = performance.now();
    for (const [i, planned] of plan.steps.entries()) {
      throwIfAborted(options.signal);
      const { op } = planned.step;
      const onProgress = options.onProgress && ((done: number) => options.onProgress?.((i + done) * share, op));
      onProgress?.(0);
      const start = performance.now();
      await dispatch(backend, planned, tensors, {
        geometry: plan.geometry,
        ...(options.signal ? { signal: options.signal } : {}),
        ...(onProgress ? { onProgress } : {}),
      });
      steps.push({ op, ms: performance.now() - start });
    }
    return { ms: performance.now() - begin, steps };
  }
}

/** Allocates the workspace and uploads the constants of a plan. */
export function allocateHeld(backend: Backend, plan: Plan): Roles {
  const held: Roles = {};
  try {
    for (const [name, { dtype, shape, role }] of Object.entries(plan.tensors)) {
      if (role === "constant") held[name] = backend.upload(plan.constants[name]);
      else if (role === "workspace") held[name] = backend.allocate(dtype, shape);
    }
  } catch (error) {
    for (const tensor of Object.values(held)) tensor.dispose();
    throw error;
  }
  return held;
}

/** Calls the primitive of one planned step with its tensors. */
export function dispatch(
  backend: Backend,
  planned: PlanStep,
  tensors: Bindings,
  context: RunContext,
): void | Promise<void> {
  const pick = (names: Readonly<Record<string, string>>): never =>
    Object.fromEntries(Object.entries(names).map(([role, name]) => [role, tensors[name]])) as never;
  const { step } = planned;
  const [inputs, outputs] = [pick(planned.in), pick(planned.out)];
  switch (step.op) {
    case "permute":
      return backend.permute(step, inputs, outputs, context);
    case "pool":
      return backend.pool(step, inputs, outputs, context);
    case "summarize":
      return backend.summarize(step, inputs, outputs, context);
    case "estimate":
      return backend.estimate(step, inputs, outputs, context);
    case "attend":
      return backend.attend(step, inputs, outputs, context);
    case "cluster":
      return levelsOf(backend).cluster(step, inputs, outputs, context);
    case "nodes":
      return levelsOf(backend).nodes(step, inputs, outputs, context);
    case "errors":
      return levelsOf(backend).errors(step, inputs, outputs, context);
    case "choose":
      return levelsOf(backend).choose(step, inputs, outputs, context);
    case "gather":
      return levelsOf(backend).gather(step, inputs, outputs, context);
  }
}

function levelsOf(backend: Backend): LevelsPrimitives {
  if (backend.levels) return backend.levels;
  throw new SpaAttnError("Unsupported", `Backend "${backend.name}" has no single steps of rectify "levels".`, {
    remedy: "Run the plan as a whole: leave out `fused: false`.",
  });
}
