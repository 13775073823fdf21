import { extname } from "node:path";
import type { HostTensor, Tensor } from "@spaattn/core";
import { npyChunks, npzChunks, safetensorsChunks } from "@spaattn/io";
import { checkWritable, isSameFile, writeFileWhole } from "@spaattn/io/node";
import { UsageError } from "./errors.js";

export type OutputFormat = "safetensors" | "npy" | "npz";

/** Names that promise something else than is written. */
const OTHERS = /\.(pt|pth|bin|ckpt|pkl|png|gif|webp|json|csv|txt|h5|gguf|onnx|mat|html)$/i;

/** The format that a name asks for. */
export function outputFormat(path: string): OutputFormat {
  const extension = extname(path).toLowerCase();
  if (extension === ".npy") return "npy";
  if (extension === ".npz") return "npz";
  if (OTHERS.test(path))
    throw new UsageError(
      `-o ${path}: tensors are not written as ${extension}.`,
      "Name a .safetensors, .npz or .npy file, or - for standard output.",
    );
  return "safetensors";
}

export interface OutputRequest {
  readonly output: string;
  readonly force?: boolean;
  /** Files that are read. */
  readonly inputs: readonly string[];
  /** The option, for messages. */
  readonly option: string;
}

/** Checks where a result is to go before anything long is computed. */
export async function checkOutput({ output, force = false, inputs, option }: OutputRequest): Promise<void> {
  if (output === "-") return;
  for (const input of inputs.flatMap((path) => path.split(",")))
    if (input !== "-" && (await isSameFile(output, input)))
      throw new UsageError(
        `${option} ${output} is the input ${input === output ? "itself" : input}.`,
        "Name another file.",
      );
  await checkWritable(output, { force });
}

/** Writes tensors to a file or to standard output, in the format its name says. */
export async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>>,
  force: boolean,
): Promise<void> {
  const format = outputFormat(path);
  const chunks = format === "safetensors" ? safetensorsChunks(tensors, metadata) : await numpyChunks(format, tensors);
  if (path !== "-") return writeFileWhole(path, chunks, { force });
  for await (const chunk of chunks)
    await new Promise<void>((resolve, reject) =>
      process.stdout.write(chunk, (error) => (error ? reject(error) : resolve())),
    );
}

async function numpyChunks(format: "npy" | "npz", tensors: Readonly<Record<string, Tensor>>) {
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) host[name] = await tensor.read();
  return format === "npz" ? npzChunks(host) : npyChunks(host.output);
}
