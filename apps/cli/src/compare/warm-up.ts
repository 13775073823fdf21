import type { Backend } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import { type CompareOptions, compare, inputsFromCapture, type LabInputs } from "@spaattn/lab";

const TOKENS = 512;

/**
 * Runs every mode once on a few tokens of the same kind, so that what a backend does at its first run (compiling
 * kernels, starting workers) is not counted against dense attention, which runs first.
 */
export async function warmUp(
  backend: Backend,
  inputs: LabInputs,
  { modes, budgets }: CompareOptions,
  signal: AbortSignal,
): Promise<void> {
  const { headDim, blockSize } = inputs.spec;
  const tensor = (phase: number) =>
    new HostTensor(
      "f32",
      [1, 2, TOKENS, headDim],
      Float32Array.from({ length: 2 * TOKENS * headDim }, (_, i) => Math.sin(i * phase)),
    );
  const few = inputsFromCapture({
    query: tensor(0.37),
    key: tensor(0.73),
    value: tensor(0.11),
    ...(blockSize ? { blockSize } : {}),
  });
  await compare(backend, few, {
    ...(modes ? { modes } : {}),
    ...(budgets ? { budgets: [0.5] } : { dropRates: [0.5] }),
    repeats: 2,
    signal,
  });
}
