import { SpaAttnError } from "@spaattn/core";
import { type Folder, readText } from "../folder/folder.js";
import { parseIndex } from "./shard-index.js";

export interface WeightFiles {
  /** Sub-folder; default: the folder itself. */
  readonly path?: string;
  /** What the file names begin with; default: `diffusion_pytorch_model`, then `model`. */
  readonly stem?: string;
  /** `fp16` or `bf16`; default: the files without a variant, else `bf16`, else `fp16`. */
  readonly variant?: string;
}

/** Where the tensors are: an index, or one file for all. */
export type Found =
  | { readonly kind: "index"; readonly file: string; readonly shards: ReadonlyMap<string, string> }
  | { readonly kind: "single"; readonly file: string };

const STEMS = ["diffusion_pytorch_model", "model"];
const VARIANTS = ["", "bf16", "fp16"];

/**
 * Looks for an index, then for a single file, stem by stem and variant by variant.
 *
 * @throws SpaAttnError FileAccess where there is neither.
 */
export async function findWeights(folder: Folder, { path, stem, variant }: WeightFiles): Promise<Found> {
  const at = (file: string) => (path ? `${path}/${file}` : file);
  const looked: string[] = [];
  for (const kind of variant === undefined ? VARIANTS : [variant])
    for (const base of stem === undefined ? STEMS : [stem]) {
      const index = at(`${base}.safetensors.index${kind && `.${kind}`}.json`);
      const text = await readText(folder, index);
      if (text !== undefined)
        return { kind: "index", file: index, shards: parseIndex(text, `${folder.name}/${index}`) };
      const single = at(`${base}${kind && `.${kind}`}.safetensors`);
      if (await exists(folder, single)) return { kind: "single", file: single };
      looked.push(index, single);
    }
  throw new SpaAttnError("FileAccess", `${folder.name}${path ? `/${path}` : ""}: there are no weights.`, {
    remedy: `Looked for ${looked.join(", ")}.`,
  });
}

async function exists(folder: Folder, path: string): Promise<boolean> {
  const file = await folder.open(path);
  await file?.close?.();
  return file !== undefined;
}
