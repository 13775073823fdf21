import { createAttention, type Extra, maskToDense, type ResolvedSpec } from "@spaattn/attention";
import { HostTensor, SpaAttnError, type Tensor, throwIfAborted } from "@spaattn/core";
import { readCaptureFile, writeSafetensors } from "@spaattn/io/node";
import { withBackend } from "../backend.js";
import { specOfCapture } from "../capture-spec.js";
import type { RunFlags } from "../commands/run.js";
import { UsageError } from "../errors.js";
import { exists } from "../files.js";
import type { CommandContext } from "../run-cli.js";
import { milliseconds, percent } from "../terminal/format.js";
import { Progress } from "../terminal/progress.js";

/** The command `run`: a capture in, the output and the tensors asked for out. */
export async function runRun(path: string, flags: RunFlags, { terminal, signal }: CommandContext): Promise<void> {
  // Asked before anything long is computed; the writer asks again.
  if (!flags.force && (await exists(flags.output)))
    throw new SpaAttnError("FileAccess", `${flags.output} exists already.`, {
      remedy: "Choose another name, or replace it with --force.",
    });
  const extras = extrasOf(flags);
  const progress = new Progress(terminal);
  try {
    const capture = await readCaptureFile(path);
    const { outputDtype } = flags;
    const spec = { ...specOfCapture(capture, flags), extras, ...(outputDtype ? { outputDtype } : {}) };
    await withBackend(flags.backend, async (backend) => {
      const attention = await createAttention(backend, spec);
      try {
        const { query, key, value } = capture;
        const result = await attention.run({ query, key, value }, { signal, onProgress: progress.update });
        const tensors = await tensorsToWrite(attention.spec, result.tensors);
        throwIfAborted(signal);
        const density = densityOf(tensors.mask, attention.spec);
        await writeSafetensors(flags.output, tensors, {
          force: flags.force ?? false,
          metadata: metadataOf(attention.spec, density),
        });
        progress.clear();
        const names = Object.keys(tensors);
        if (terminal.json)
          terminal.printJson({
            output: flags.output,
            backend: backend.name,
            tensors: shapesOf(tensors),
            density,
            ms: result.report.ms,
          });
        else
          terminal.print(
            `${flags.output}: ${names.join(", ")} (${milliseconds(result.report.ms)} on ${backend.name}` +
              `${density === undefined ? "" : `, density ${percent(density)}`})`,
          );
      } finally {
        attention.dispose();
      }
    });
  } finally {
    progress.clear();
  }
}

const shapesOf = (tensors: Readonly<Record<string, Tensor>>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));

function extrasOf(flags: RunFlags): Extra[] {
  const { rectify, dense } = flags;
  const wrong = (option: string, modes: string) => new UsageError(`--${option} exists with --rectify ${modes} only.`);
  if (flags.factor && (dense || rectify !== "paper")) throw wrong("factor", "paper");
  if (flags.choice && (dense || rectify !== "levels")) throw wrong("choice", "levels");
  if (flags.budget !== undefined && rectify !== "levels") throw wrong("budget", "levels");
  if (flags.probabilities && (dense || rectify === "tail" || rectify === "levels"))
    throw wrong("probabilities", "none or paper");
  if (flags.mask && dense) throw new UsageError("--mask and --dense exclude each other: every block is computed.");
  return (["mask", "choice", "factor", "lse", "probabilities"] as const).filter((name) => flags[name]);
}

/** Block lists are written as the plain 0/1 mask that every other tool reads. */
async function tensorsToWrite(spec: ResolvedSpec, tensors: Readonly<Record<string, Tensor>>) {
  const { counts, indices, ...rest } = tensors;
  if (!counts || !indices) return rest;
  const lists = { counts: (await counts.read()).data, indices: (await indices.read()).data, stride: indices.shape[3] };
  const { batch, heads, visualBlocks, blocks } = spec.geometry;
  return {
    ...rest,
    mask: new HostTensor("u8", [batch, heads, visualBlocks, blocks], maskToDense(lists, spec.geometry)),
  };
}

function densityOf(mask: Tensor | undefined, { geometry }: ResolvedSpec): number | undefined {
  if (!(mask instanceof HostTensor)) return undefined;
  const { visualBlocks: n, blocks } = geometry;
  let computed = 0;
  for (let i = 0; i < mask.data.length; i++) if (i % blocks < n) computed += mask.data[i];
  return computed / ((mask.data.length / blocks) * n);
}

/** What the tensors are, for whoever opens the file. */
function metadataOf(spec: ResolvedSpec, density: number | undefined): Record<string, string> {
  const { rectify, behaviour, dense, geometry, policy } = spec;
  return {
    format: "spaattn-output/1",
    rectify: dense ? "dense" : rectify,
    behaviour,
    policy: JSON.stringify(policy),
    block_size: String(geometry.blockSize),
    n_visual: String(geometry.visualTokens),
    n_text: String(geometry.textTokens),
    ...(density === undefined ? {} : { density: String(density) }),
  };
}
