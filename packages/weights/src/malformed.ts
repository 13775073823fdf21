import { SpaAttnError } from "@spaattn/core";

const REMEDY = "The file is damaged or was not written completely; copy or create it again.";

/** Throws `MalformedFile` with the name of what was read in front. */
export function malformed(what: string, problem: string, options: { remedy?: string; cause?: unknown } = {}): never {
  throw new SpaAttnError("MalformedFile", `${what}: ${problem}`, { remedy: REMEDY, ...options });
}
