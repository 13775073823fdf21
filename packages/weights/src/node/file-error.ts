import { SpaAttnError } from "@spaattn/core";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
};

/** Turns an error of the file system into one that says what can be done. */
export function fileError(path: string, cause: unknown): SpaAttnError {
  const { code = "", message = String(cause) } = cause as NodeJS.ErrnoException;
  return new SpaAttnError("FileAccess", `${path}: ${REASONS[code] ?? message}`, {
    remedy: code === "ENOSPC" ? "Make room on the disk." : "Check the path and its permissions.",
    cause,
  });
}
