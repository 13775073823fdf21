import { SpaAttnError } from "@spaattn/core";
import type { Folder, OpenFile } from "../folder/folder.js";
import { openSafetensors, type Safetensors } from "../safetensors/read.js";

/** The open files of a model; each is opened once, when it is first needed. */
export class Shards {
  readonly #open = new Map<string, Promise<{ file: OpenFile; tensors: Safetensors }>>();
  #closed = false;

  constructor(readonly folder: Folder) {}

  /** @param named who says that the file exists */
  async open(path: string, named: string): Promise<Safetensors> {
    if (this.#closed)
      throw new SpaAttnError("Disposed", `${named} has been closed.`, { remedy: "Close it after its last use." });
    let opening = this.#open.get(path);
    if (!opening) {
      opening = this.#start(path, named);
      this.#open.set(path, opening);
      // A failure is not remembered: the file may be there at the next try.
      opening.catch(() => this.#open.delete(path));
    }
    return (await opening).tensors;
  }

  async #start(path: string, named: string): Promise<{ file: OpenFile; tensors: Safetensors }> {
    const file = await this.folder.open(path);
    if (!file)
      throw new SpaAttnError("FileAccess", `${named}: the file ${path} is missing.`, {
        remedy: "Download the model again, or fetch that file.",
      });
    try {
      return { file, tensors: await openSafetensors(file) };
    } catch (error) {
      await file.close?.();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    for (const one of all) if (one.status === "fulfilled") await one.value.file.close?.();
  }
}
