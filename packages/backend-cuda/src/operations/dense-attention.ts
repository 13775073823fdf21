import type { DenseAttentionAttrs } from "@spaattn/nn";
import {
  type Call,
  type Chip,
  type CudaOperation,
  ceilDivide,
  countOf,
  is16,
  isAligned,
  kindOf,
  must,
  notFloat,
  roundUp,
  type Shapes,
} from "../network/call.js";
import { Params } from "../params.js";

/** Registers of the simple kernel hold so many channels of a result. */
const SIMPLE_CHANNELS = 512;
const MOST_HEADS = 65_535;

const sizesOf = ({ in: inputs }: Pick<Shapes<"denseAttention">, "in">) => {
  const [batch, heads, sq, d] = must(inputs, "query").shape;
  const [, , sk, dv] = must(inputs, "value").shape;
  return { batch, heads, sq, d, sk, dv };
};

interface Flash {
  readonly kernel: "64" | "128" | "tall";
  /** Queries and value channels of a thread block. */
  readonly rows: number;
  readonly columns: number;
}
/** Queries, keys and a slice of the values, with rows 16 bytes apart beyond their length. */
const flashBytes = ({ rows, columns }: Flash, d: number) =>
  (rows + 64) * (roundUp(d, 16) + 8) * 2 + 64 * (columns + 8) * 2;

/** Short rows leave room for several thread blocks; long ones are shared among more warps where they fit. */
function flashOf(chip: Chip, d: number, dv: number): Flash | undefined {
  const short: Flash = { kernel: dv <= 64 ? "64" : "128", rows: 64, columns: dv <= 64 ? 64 : 128 };
  const tall: Flash = { kernel: "tall", rows: 128, columns: 128 };
  const order = d > 128 ? [tall, short] : [short];
  return order.find((flash) => flashBytes(flash, d) <= Math.max(48 * 1024, chip.sharedBytes));
}

function flashing({ in: inputs, chip }: Pick<Shapes<"denseAttention">, "in" | "chip">): Flash | undefined {
  const { d, dv } = sizesOf({ in: inputs });
  const { query, key, value } = inputs;
  const same = query && is16(query.dtype) && key?.dtype === query.dtype && value?.dtype === query.dtype;
  return same ? flashOf(chip, d, dv) : undefined;
}

/** DenseParams of dense-attention.cu. */
function parameters(call: Call<"denseAttention">) {
  const { scale, frameTokens = 0 } = call.attrs as DenseAttentionAttrs;
  const { keyMask, bias } = call.in;
  const [query, key, value] = [must(call.in, "query"), must(call.in, "key"), must(call.in, "value")];
  const { batch, heads, sq, d, sk, dv } = sizesOf(call);
  const vector = d % 8 === 0 && dv % 8 === 0 && [query, key, value, call.out.output].every(isAligned);
  return new Params()
    .pointers(query.pointer, key.pointer, value.pointer, keyMask?.pointer, bias?.pointer, call.out.output.pointer)
    .ints(heads, sq, sk, d, dv, frameTokens, bias !== undefined && bias.shape[0] === batch, vector)
    .ints(kindOf(query.dtype), kindOf(key.dtype), kindOf(value.dtype), kindOf(call.out.output.dtype))
    .floats(scale)
    .bytes();
}

export const denseAttention: CudaOperation<"denseAttention"> = {
  unsupported(shapes) {
    const { batch, heads, d, dv } = sizesOf(shapes);
    if (batch * heads > MOST_HEADS) return `${batch * heads} heads in all (at most ${MOST_HEADS})`;
    if (!flashing(shapes) && dv > SIMPLE_CHANNELS)
      return `values of ${dv} channels (at most ${SIMPLE_CHANNELS} in this type)`;
    if (!flashing(shapes) && d > 3000) return `queries of ${d} channels (at most 3000 in this type)`;
    return notFloat(shapes.in, "query", "key", "value");
  },
  record(call) {
    const { batch, heads, sq, d, dv } = sizesOf(call);
    if (countOf(call.out.output) === 0) return;
    const own = { module: "dense-attention", parameters: [parameters(call)] } as const;
    const flash = flashing(call);
    if (flash) {
      const kernel = `dense_${must(call.in, "query").dtype}_${flash.kernel}`;
      const grid = [ceilDivide(sq, flash.rows), batch * heads, ceilDivide(dv, flash.columns)] as const;
      call.launch({ ...own, kernel, grid, threads: 2 * flash.rows, sharedBytes: flashBytes(flash, d) });
    } else
      call.launch({
        ...own,
        kernel: "dense_simple",
        threads: 128,
        grid: [ceilDivide(sq, 4), batch * heads],
        sharedBytes: 16 * d,
      });
  },
  describe: (shapes) =>
    flashing(shapes)
      ? { kernel: "dense", reason: "flash attention on mma.sync" }
      : { kernel: "dense_simple", reason: "a warp per query, for mixed types and f32" },
};
