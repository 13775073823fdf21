import { f16ToNumber } from "@spaattn/core";

/**
 * Block-quantised weights as GGUF files hold them: every row is a sequence of blocks of `values` numbers in `bytes` bytes.
 */
export type BlockFormat = "q8_0" | "q4_0" | "q4_1" | "q5_0" | "q5_1" | "q4_k" | "q5_k" | "q6_k";

export const BLOCK_FORMATS: Readonly<Record<BlockFormat, { readonly values: number; readonly bytes: number }>> = {
  q8_0: { values: 32, bytes: 34 },
  q4_0: { values: 32, bytes: 18 },
  q4_1: { values: 32, bytes: 20 },
  q5_0: { values: 32, bytes: 22 },
  q5_1: { values: 32, bytes: 24 },
  q4_k: { values: 256, bytes: 144 },
  q5_k: { values: 256, bytes: 176 },
  q6_k: { values: 256, bytes: 210 },
};

/** Bytes of a row of `k` numbers. Throws `RangeError` where blocks do not fill it. */
export function rowBytes(format: BlockFormat, k: number): number {
  const { values, bytes } = BLOCK_FORMATS[format] ?? {};
  if (!values)
    throw new RangeError(`format must be one of ${Object.keys(BLOCK_FORMATS).join(", ")}, got ${String(format)}`);
  if (k % values !== 0) throw new RangeError(`${format} rows hold multiples of ${values} numbers, got ${k}`);
  return (k / values) * bytes;
}

const half = (block: Uint8Array, at: number) => f16ToNumber(block[at] | (block[at + 1] << 8));

/** Scale and minimum `j` (0 to 7) of a block of 256: eight pairs of 6 bits in 12 bytes. */
function scaleAndMin(packed: Uint8Array, j: number): [number, number] {
  if (j < 4) return [packed[j] & 63, packed[j + 4] & 63];
  return [(packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4), (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4)];
}

type Decode = (block: Uint8Array, out: Float64Array) => void;

/** Blocks of 32: the low nibbles are the first sixteen numbers, the high ones the others. */
const nibbles =
  (header: number, hasMinimum: boolean, fifthBits: boolean): Decode =>
  (block, out) => {
    const d = half(block, 0);
    const m = hasMinimum ? half(block, 2) : 0;
    const bitsAt = hasMinimum ? 4 : 2;
    for (let i = 0; i < 32; i++) {
      const byte = block[header + (i & 15)];
      let q = i < 16 ? byte & 15 : byte >> 4;
      if (fifthBits) q |= ((block[bitsAt + (i >> 3)] >> (i & 7)) & 1) << 4;
      out[i] = hasMinimum ? q * d + m : (q - (fifthBits ? 16 : 8)) * d;
    }
  };

/** Blocks of 256 in eight groups of 32, each with a scale and a minimum of 6 bits. */
const groups =
  (fifthBits: boolean): Decode =>
  (block, out) => {
    const d = half(block, 0);
    const least = half(block, 2);
    const packed = block.subarray(4, 16);
    const high = fifthBits ? block.subarray(16, 48) : undefined;
    const low = block.subarray(fifthBits ? 48 : 16);
    for (let group = 0; group < 8; group++) {
      const [scale, minimum] = scaleAndMin(packed, group);
      for (let i = 0; i < 32; i++) {
        const byte = low[(group >> 1) * 32 + i];
        let q = group & 1 ? byte >> 4 : byte & 15;
        if (high) q |= ((high[i] >> group) & 1) << 4;
        out[group * 32 + i] = d * scale * q - least * minimum;
      }
    }
  };

/** Blocks of 256 of 6 bits with sixteen 8-bit scales. */
const sixBits: Decode = (block, out) => {
  const low = block.subarray(0, 128);
  const high = block.subarray(128, 192);
  const scales = new Int8Array(block.buffer, block.byteOffset + 192, 16);
  const d = half(block, 208);
  for (let i = 0; i < 256; i++) {
    const part = i >> 7;
    const quarter = (i & 127) >> 5;
    const l = i & 31;
    const byte = low[part * 64 + (quarter & 1) * 32 + l];
    const q = (quarter < 2 ? byte & 15 : byte >> 4) | (((high[part * 32 + l] >> (2 * quarter)) & 3) << 4);
    out[i] = d * scales[i >> 4] * (q - 32);
  }
};

const DECODE: Readonly<Record<BlockFormat, Decode>> = {
  q8_0: (block, out) => {
    const d = half(block, 0);
    for (let i = 0; i < 32; i++) out[i] = ((block[2 + i] << 24) >> 24) * d;
  },
  q4_0: nibbles(2, false, false),
  q4_1: nibbles(4, true, false),
  q5_0: nibbles(6, false, true),
  q5_1: nibbles(8, true, true),
  q4_k: groups(false),
  q5_k: groups(true),
  q6_k: sixBits,
};

/** One row of `k` numbers from its bytes, in double precision: the truth every device is compared with. */
export function dequantiseRow(format: BlockFormat, row: Uint8Array, k: number): Float64Array {
  const { values, bytes } = BLOCK_FORMATS[format];
  const out = new Float64Array(k);
  for (let block = 0; block < k / values; block++)
    DECODE[format](
      row.subarray(block * bytes, (block + 1) * bytes),
      out.subarray(block * values, (block + 1) * values),
    );
  return out;
}
