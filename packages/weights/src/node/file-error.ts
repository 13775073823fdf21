import { SpaAttnError } from "@spaattn/core";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long",
  ENXIO: "nobody is at the other end",
  EPIPE: "the reader has gone",
};

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "Make room on the disk.",
  EISDIR: "Name a file inside it.",
};

/** Turns an error of the file system into one that says what can be done. */
export function fileError(path: string, cause: unknown): SpaAttnError {
  const { code = "", message = String(cause) } = cause as NodeJS.ErrnoException;
  return new SpaAttnError("FileAccess", `${path}: ${REASONS[code] ?? message}`, {
    remedy: REMEDIES[code] ?? "Check the path and its permissions.",
    cause,
  });
}
