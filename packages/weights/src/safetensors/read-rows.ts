import { elementCount, HostTensor, SpaAttnError } from "@spaattn/core";
import { type ByteSource, readBytes } from "../byte-source.js";
import { malformed } from "../malformed.js";
import { readTensor } from "../read-tensor.js";
import { fileTypeBits, fileTypeReadAs, fileTypeToDType } from "./dtypes.js";
import type { SafetensorsEntry } from "./header.js";

/** Consecutive indices of a tensor's first axis, the end left out. */
export interface Rows {
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads one tensor, or some rows of it.
 *
 * Integers without a counterpart become i32.
 *
 * @throws RangeError for rows outside the tensor.
 * @throws SpaAttnError MalformedFile when its dtype does not exist, Unsupported when it or one of its values has no
 * counterpart here.
 */
export async function readRows(source: ByteSource, entry: SafetensorsEntry, rows?: Rows): Promise<HostTensor> {
  const { fileType, shape, offset } = cut(entry, rows);
  const same = fileTypeToDType(fileType);
  if (same) return readTensor(source, offset, same, shape);
  const at = `tensor ${JSON.stringify(entry.name)} has dtype ${JSON.stringify(fileType)}`;
  const bits = fileTypeBits(fileType);
  if (bits === undefined)
    malformed(source.name, `${at}, which is unknown`, { remedy: "Write it as F32, F16 or BF16." });
  if (!fileTypeReadAs(fileType))
    throw new SpaAttnError("Unsupported", `${source.name}: ${at}, which cannot be read as a tensor.`, {
      remedy: "Convert it to F32, F16 or BF16, or take its bytes with bytes().",
    });
  const width = bits / 8;
  const bytes = await readBytes(source, offset, elementCount(shape) * width);
  return new HostTensor("i32", shape, integers(bytes, fileType, width, `${source.name}: ${at}`));
}

/** The entry of the rows alone. */
function cut(entry: SafetensorsEntry, rows: Rows | undefined): SafetensorsEntry {
  if (!rows) return entry;
  const { begin, end } = rows;
  const [count = 0, ...rest] = entry.shape;
  if (!(Number.isSafeInteger(begin) && Number.isSafeInteger(end) && 0 <= begin && begin <= end && end <= count))
    throw new RangeError(
      `rows ${begin} to ${end} of tensor ${JSON.stringify(entry.name)} [${entry.shape.join(", ")}] do not exist`,
    );
  const rowBytes = count === 0 ? 0 : entry.bytes / count;
  return {
    ...entry,
    shape: [end - begin, ...rest],
    offset: entry.offset + begin * rowBytes,
    bytes: (end - begin) * rowBytes,
  };
}

function integers(bytes: Uint8Array, fileType: string, width: number, at: string): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signed = fileType.startsWith("I");
  const out = new Int32Array(bytes.length / width);
  for (let i = 0; i < out.length; i++) {
    const value = integer(view, i * width, width, signed);
    out[i] = Number(value);
    if (BigInt(out[i]) !== BigInt(value))
      throw new SpaAttnError("Unsupported", `${at} and holds ${value}, which does not fit into 32 bits.`, {
        remedy: "Write it as I32, or take its bytes with bytes().",
      });
  }
  return out;
}

function integer(view: DataView, at: number, width: number, signed: boolean): number | bigint {
  if (width === 2) return view.getInt16(at, true);
  if (width === 4) return view.getUint32(at, true);
  return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
}
