import type { Folder } from "../folder/folder.js";
import { findWeights, type WeightFiles } from "./find.js";
import { FolderWeights } from "./folder-weights.js";
import { Shards } from "./shards.js";
import type { Weights } from "./weights.js";

export type { WeightFiles } from "./find.js";

/**
 * Opens the weights of one model: sharded with an index, or a single file.
 *
 * Only the index, or the header of the single file, is read; shards are opened when one of their tensors is needed.
 *
 * @throws SpaAttnError FileAccess where there are none, MalformedFile.
 */
export async function openWeights(folder: Folder, files: WeightFiles = {}): Promise<Weights> {
  const found = await findWeights(folder, files);
  const shards = new Shards(folder);
  const name = `${folder.name}/${found.file}`;
  if (found.kind === "single") {
    const only = await shards.open(found.file, name);
    return new FolderWeights(name, shards, new Map(only.names.map((tensor) => [tensor, found.file])));
  }
  const beside = found.file.slice(0, found.file.lastIndexOf("/") + 1);
  const map = new Map([...found.shards].map(([tensor, shard]) => [tensor, beside + shard]));
  return new FolderWeights(name, shards, map);
}
