import { join } from "node:path";
import { isSpaAttnError } from "@spaattn/core";
import type { Folder } from "../folder/folder.js";
import { fileSource } from "./file-source.js";

/** A folder on a disk. */
export function directoryFolder(path: string): Folder {
  return {
    name: path,
    async open(file) {
      try {
        return await fileSource(join(path, file));
      } catch (error) {
        if (isSpaAttnError(error) && (error.cause as NodeJS.ErrnoException)?.code === "ENOENT") return undefined;
        throw error;
      }
    },
  };
}
