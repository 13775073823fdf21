import { ACTIVATIONS, type NormAttrs } from "@spaattn/nn";
import {
  type Call,
  type CudaOperation,
  ceilDivide,
  countOf,
  gridOf,
  inEights,
  kindOf,
  lastOf,
  must,
  notFloat,
  type Operand,
  roundUp,
  type Shapes,
} from "../network/call.js";
import { Params } from "../params.js";

const KINDS = ["layer", "rms", "l2", "group"] as const;
const kind = (operand: Operand | undefined) => (operand ? kindOf(operand.dtype) : 0);

interface Groups {
  readonly batch: number;
  readonly groups: number;
  readonly splits: number;
  readonly partialBytes: number;
  readonly bytes: number;
}

/** Parts of the positions that the sums of a group are taken over at a time, enough to fill the chip. */
function groupsOf({ attrs, in: inputs, chip }: Pick<Shapes<"norm">, "attrs" | "in" | "chip">): Groups {
  const x = must(inputs, "x");
  const batch = x.shape[0];
  const groups = (attrs as NormAttrs).groups ?? 1;
  const tokens = countOf(x) / lastOf(x) / batch;
  const wanted = ceilDivide(8 * Math.max(1, chip.multiprocessors), Math.max(1, batch * groups));
  const splits = Math.max(1, Math.min(wanted, ceilDivide(tokens, 64)));
  const partialBytes = roundUp(batch * groups * splits * 16);
  return { batch, groups, splits, partialBytes, bytes: partialBytes + roundUp(batch * groups * 8) };
}

/** NormParams of norm.cu. */
function parameters(call: Call<"norm">, groups: Groups | undefined) {
  const { attrs, in: inputs, out, scratch } = call;
  const { kind: which, activation, eps } = attrs as NormAttrs;
  const x = must(inputs, "x");
  const { weight, bias, shift, scale, index } = inputs;
  const rows = countOf(x) / lastOf(x);
  return new Params()
    .pointers(x.pointer, weight?.pointer, bias?.pointer, shift?.pointer, scale?.pointer, index?.pointer)
    .pointers(out.y.pointer, groups && scratch, groups && scratch + BigInt(groups.partialBytes))
    .longs(rows, Math.max(1, rows / x.shape[0]))
    .ints(lastOf(x), shift?.shape[1] ?? 0, scale?.shape[1] ?? 0)
    .ints(kind(x), kind(weight), kind(bias), kind(shift), kind(scale), kind(out.y))
    .ints(KINDS.indexOf(which), ACTIVATIONS.indexOf(activation), groups?.groups ?? 0, groups?.splits ?? 0)
    .floats(eps)
    .bytes();
}

/** Threads for one row, by how many pieces of eight it has. */
function rowKernel(width: number, wide: boolean): { kernel: string; rowsPerBlock: number; threads: number } {
  const pieces = width / 8;
  const type = wide ? "_f32" : "";
  if (pieces <= 16) return { kernel: `norm_8${type}`, rowsPerBlock: 32, threads: 256 };
  if (pieces <= 128) return { kernel: `norm_32${type}`, rowsPerBlock: 8, threads: 256 };
  const threads = Math.min(256, roundUp(ceilDivide(pieces, ceilDivide(pieces, 256)), 32));
  return { kernel: `norm_block${type}`, rowsPerBlock: 1, threads };
}

export const norm: CudaOperation<"norm"> = {
  unsupported: ({ in: inputs }) => notFloat(inputs, "x", "weight", "bias", "shift", "scale"),
  scratch: (shapes) => ((shapes.attrs as NormAttrs).kind === "group" ? groupsOf(shapes).bytes : 0),
  record(call) {
    const x = must(call.in, "x");
    if (countOf(x) === 0) return;
    const { weight, bias, shift, scale } = call.in;
    const width = lastOf(x);
    const eights = inEights(width, x, weight, bias, shift, scale, call.out.y);
    if ((call.attrs as NormAttrs).kind === "group") return grouped(call, width, eights);
    const { kernel, rowsPerBlock, threads } = eights
      ? rowKernel(width, x.dtype === "f32")
      : { kernel: "norm_any", rowsPerBlock: 1, threads: Math.min(256, roundUp(width, 32)) };
    const grid = [ceilDivide(countOf(x) / width, rowsPerBlock)] as const;
    call.launch({ module: "norm", kernel, grid, threads, parameters: [parameters(call, undefined)] });
  },
  describe: ({ attrs }) =>
    (attrs as NormAttrs).kind === "group"
      ? { kernel: "group_apply", reason: "sums of groups in parts, then one pass" }
      : { kernel: "norm", reason: "one pass, rows in registers" },
};

function grouped(call: Call<"norm">, width: number, eights: boolean): void {
  const groups = groupsOf(call);
  const own = { module: "norm", threads: 256, parameters: [parameters(call, groups)] } as const;
  const whole = eights && (width / groups.groups) % 8 === 0;
  const grid = [groups.splits, groups.groups, groups.batch] as const;
  call.launch({ ...own, kernel: whole ? "group_sums_eight" : "group_sums_one", grid });
  call.launch({ ...own, kernel: "group_statistics", grid: gridOf(groups.batch * groups.groups) });
  const pieces = countOf(must(call.in, "x")) / (eights ? 8 : 1);
  call.launch({ ...own, kernel: eights ? "group_apply_eight" : "group_apply_one", grid: gridOf(pieces) });
}
