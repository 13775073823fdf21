import { blobSource } from "../byte-source.js";
import type { Folder } from "./folder.js";

/**
 * A folder chosen or dropped on a page: the files of `<input type="file" webkitdirectory>`, or blobs by path.
 *
 * Paths of a file list begin with the name of the chosen folder, which is taken off.
 */
export function blobFolder(files: Iterable<File> | ReadonlyMap<string, Blob>, name?: string): Folder {
  const entries = files instanceof Map ? [...files] : [...(files as Iterable<File>)].map(pathOf);
  const root = commonRoot(entries.map(([path]) => path));
  const byPath = new Map(entries.map(([path, blob]) => [path.slice(root.length), blob]));
  const shown = name ?? (root.slice(0, -1) || "files");
  return {
    name: shown,
    async open(path) {
      const blob = byPath.get(path);
      return blob && blobSource(blob, `${shown}/${path}`);
    },
  };
}

const pathOf = (file: File): [string, Blob] => [file.webkitRelativePath || file.name, file];

/** "model/" where every path begins with it, else nothing. */
function commonRoot(paths: readonly string[]): string {
  const slash = paths[0]?.indexOf("/") ?? -1;
  const root = paths[0]?.slice(0, slash + 1) ?? "";
  return root !== "" && paths.every((path) => path.startsWith(root)) ? root : "";
}
