import { cpu } from "@spaattn/backend-cpu";
import type { HostTensor, Plan } from "@spaattn/core";
import { relativeError } from "./helpers.js";

/**
 * What is allowed between f32 and the oracle: the channel norms of a VAE's narrow levels divide by lengths near zero, and
 * make errors of the sums in front of them up to twenty times as large.
 */
const LIMIT = 5e-5;

const written = (plan: Plan): string[] =>
  Object.keys(plan.values).filter((name) => {
    const { role, view } = plan.values[name];
    return !view && (role === "output" || role === "state");
  });

/** Runs a plan on the CPU backend with tensors of its own; returns what compares them with the oracle's, by name. */
export async function runOnCpu(
  plan: Plan,
  bindings: Readonly<Record<string, HostTensor>>,
): Promise<(expected: Readonly<Record<string, HostTensor>>) => string[]> {
  const device = await cpu.create({ threads: 1 });
  const own: Record<string, HostTensor> = { ...bindings };
  for (const name of written(plan)) own[name] = bindings[name].to(bindings[name].dtype);
  try {
    await (await device.compile(plan)).run(own);
  } finally {
    device.dispose();
  }
  return (expected) =>
    written(plan)
      .map((name) => ({ name, error: relativeError(own[name].toFloat32(), expected[name].toFloat32()) }))
      .filter(({ error }) => !(error <= LIMIT))
      .map(({ name, error }) => `${name} is off by ${error.toExponential(1)}`);
}
