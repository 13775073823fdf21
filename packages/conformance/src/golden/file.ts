import type { HostTensor } from "@spaattn/core";
import type { Safetensors } from "@spaattn/io";

/** A golden file in memory. */
export interface GoldenFile {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

const FORMATS = ["rsa-golden/1", "rsa-golden-tail/1", "rsa-golden-levels/1", "rsa-curve/1"] as const;
export type GoldenFormat = (typeof FORMATS)[number];

/** Reads all tensors of an open safetensors file. */
export async function readGolden(file: Safetensors, name: string): Promise<GoldenFile> {
  const tensors: Record<string, HostTensor> = {};
  for (const tensor of file.names) tensors[tensor] = await file.tensor(tensor);
  return { name, metadata: file.metadata, tensors };
}

/** The format a file says it has; undefined when it is none of ours. */
export function formatOf(file: GoldenFile): GoldenFormat | undefined {
  return FORMATS.find((format) => format === file.metadata.format);
}

export class Metadata {
  constructor(readonly file: GoldenFile) {}

  json<T>(name: string): T {
    return JSON.parse(this.text(name)) as T;
  }

  text(name: string): string {
    const text = this.file.metadata[name];
    if (text === undefined) throw new RangeError(`${this.file.name} has no metadata entry "${name}"`);
    return text;
  }

  number(name: string): number {
    const value = Number(this.file.metadata[name]);
    if (!Number.isFinite(value)) throw new RangeError(`${this.file.name}: metadata "${name}" is no number`);
    return value;
  }

  tensor(name: string): HostTensor {
    const tensor = this.file.tensors[name];
    if (!tensor) throw new RangeError(`${this.file.name} has no tensor "${name}"`);
    return tensor;
  }
}
