import { isRecord, parseJsonObject } from "../json-object.js";
import { malformed } from "../malformed.js";

/**
 * Tensor name to file name, from the text of an index.
 *
 * @throws SpaAttnError MalformedFile
 */
export function parseIndex(text: string, what: string): ReadonlyMap<string, string> {
  const { weight_map: map } = parseJsonObject(text, what, "the index").value;
  if (!isRecord(map)) malformed(what, "the index has no weight_map");
  for (const [tensor, file] of Object.entries(map))
    if (!isFileName(file))
      malformed(what, `the index puts tensor ${JSON.stringify(tensor)} into ${JSON.stringify(file)}, no file name`);
  return new Map(Object.entries(map as Record<string, string>));
}

/** Shards lie beside their index; a path may lead anywhere. */
const isFileName = (value: unknown): boolean =>
  typeof value === "string" && /^[^/\\\0]+$/.test(value) && value !== "." && value !== "..";
