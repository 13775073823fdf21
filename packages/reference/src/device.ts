import { unsupportedReason } from "@spaattn/attention";
import { type Device, exactly, type HostTensor, type Plan, place, SpaAttnError, type Tensor } from "@spaattn/core";
import { attentionBackend } from "./backend.js";
import { OPERATIONS } from "./operations/index.js";
import { InterpretedProgram } from "./program.js";

/** Regions of rows are cut at this many bytes even where memory abounds: the oracle runs what devices run. */
const ROWS_BYTES = 2 ** 20;

function unsupported(plan: Plan, index: number): string | undefined {
  const operation = plan.operations[index];
  if (!OPERATIONS[operation.op]) return `operation ${operation.op} is not known`;
  if (operation.op !== "attention") return undefined;
  const { spec } = operation.attrs as { spec: Parameters<typeof unsupportedReason>[1] };
  if (spec.policy.kind === "host") return "a host policy needs a read-back in the middle of a plan";
  return unsupportedReason(attentionBackend.capabilities, spec);
}

/** What a device has besides what attention alone needs. */
export const network: Pick<Device, "write" | "copy" | "unsupported" | "compile"> = {
  async write(tensor, source) {
    const { data } = tensor as HostTensor;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for await (const { at, piece } of exactly(tensor, bytes.length, source)) bytes.set(piece, at);
  },
  async copy(from: Tensor, to: Tensor) {
    const [source, target] = [from as HostTensor, to as HostTensor];
    if (source.dtype !== target.dtype || source.length !== target.length)
      throw new RangeError(
        `copy: ${from.dtype} [${from.shape.join(", ")}] does not fit in ${to.dtype} [${to.shape.join(", ")}]`,
      );
    (target.data as { set(values: unknown): void }).set(source.data);
  },
  unsupported,
  async compile(plan, { memoryLimit } = {}) {
    plan.operations.forEach(({ op }, i) => {
      const reason = unsupported(plan, i);
      if (reason)
        throw new SpaAttnError("Unsupported", `Operation ${i} (${op}) cannot run on "reference": ${reason}.`, {
          remedy: "Change the plan, or use another device.",
        });
    });
    const limits = { rowsBytes: ROWS_BYTES, ...(memoryLimit === undefined ? {} : { memoryLimit }) };
    return new InterpretedProgram(plan, place(plan, limits));
  },
};
