import type { FloatDType, HostTensor } from "@spaattn/core";
import {
  type ByteInput,
  fileTypeToDType,
  malformed,
  openSafetensors,
  type Safetensors,
  type SafetensorsEntry,
} from "@spaattn/weights";
import { type Capture, factsProblem, type TensorFacts, tensorsProblem } from "./capture.js";
import { CAPTURE_FORMAT, CaptureMetadata } from "./metadata.js";

const NAMES = { query: "q", key: "k", value: "v" } as const;

const REMEDY = "See docs/capture-format.md of @spaattn/io for what a capture holds.";

/** The entry of a role's tensor, named in full or by its first letter. */
function roleEntry(file: Safetensors, role: keyof typeof NAMES): SafetensorsEntry & TensorFacts {
  const found = [role, NAMES[role]].find((candidate) => file.has(candidate));
  if (found === undefined)
    malformed(file.source.name, `there is no tensor "${role}"; this is no capture`, { remedy: REMEDY });
  const entry = file.entry(found);
  return { ...entry, dtype: fileTypeToDType(entry.fileType) ?? entry.fileType };
}

/** An open file, also one of another copy of this package. */
const isOpen = (input: ByteInput | Safetensors): input is Safetensors =>
  typeof (input as Safetensors)?.tensor === "function" && typeof (input as Safetensors).entry === "function";

/** True when a safetensors file holds query, key and value. */
export const isCapture = (file: Safetensors): boolean =>
  Object.entries(NAMES).every(([role, short]) => file.has(role) || file.has(short));

/**
 * Reads a capture file (docs/capture-format.md): query, key and value with the facts about them.
 *
 * Files of other tools with tensors `q`, `k`, `v` are read too.
 *
 * @throws SpaAttnError MalformedFile
 */
export async function readCapture(input: ByteInput | Safetensors): Promise<Capture> {
  const file = isOpen(input) ? input : await openSafetensors(input);
  const { name } = file.source;
  const { format } = file.metadata;
  if (format?.startsWith("spaattn-capture/") && format !== CAPTURE_FORMAT)
    malformed(name, `the format "${format}" is newer than this version`, { remedy: "Update spaattn." });
  const entries = {
    query: roleEntry(file, "query"),
    key: roleEntry(file, "key"),
    value: roleEntry(file, "value"),
  };
  // Everything is checked before the first tensor is read: captures can be large.
  const problem = tensorsProblem(entries);
  if (problem) malformed(name, problem, { remedy: REMEDY });
  const info = new CaptureMetadata(file.metadata, name).info(entries.query.shape[0]);
  const wrong = factsProblem(entries.query.shape, info);
  if (wrong) malformed(name, wrong, { remedy: REMEDY });
  const tensor = async ({ name }: SafetensorsEntry) => (await file.tensor(name)) as HostTensor<FloatDType>;
  return {
    ...info,
    query: await tensor(entries.query),
    key: await tensor(entries.key),
    value: await tensor(entries.value),
  };
}
