import { type AttentionAttrs, compilePlan } from "@spaattn/attention";
import { HostTensor, type PlanOperation, type RunOptions } from "@spaattn/core";
import type { NetworkCrew } from "../crew/crew.js";
import { type Direct, executeInPlace } from "../execute.js";
import { fuse } from "../fuse.js";
import type { SlotName } from "../slots.js";
import type { Tensors } from "../transfer.js";
import { placeWindow, planWindow, type Window } from "../window.js";
import type { Transfer, Work } from "../work.js";

/** The operation `attention` on tensors in the kernels' memory: heads are worked through where they lie. */
export class AttentionStage {
  readonly #work: Work;
  readonly #constants: Readonly<Record<string, HostTensor>>;
  /** Slots whose tensors are the operation's own. */
  readonly #direct = new Map<SlotName, string>();
  readonly #window: Window;

  constructor(
    readonly operation: PlanOperation,
    threads: number,
    limit: number,
  ) {
    const { spec } = operation.attrs as AttentionAttrs;
    const plan = compilePlan(spec);
    const work = fuse(plan);
    if (!work) throw new TypeError("attention: the plan cannot run head by head");
    this.#work = work;
    this.#constants = plan.constants;
    for (const { slot, name, order } of [...work.loads, ...work.stores])
      if (order === undefined && !(name in plan.constants)) this.#direct.set(slot, name);
    const { batch, heads } = spec.geometry;
    this.#window = planWindow(work, threads, limit, batch * heads, (slot) => this.#direct.has(slot));
  }

  /** Bytes of scratch. */
  get bytes(): number {
    return this.#window.bytes;
  }

  /** Names of its tensors by the names the plan of attention gives them. */
  #valueName(name: string): string {
    return this.operation.in[name] ?? this.operation.out[name];
  }

  async run(
    crew: NetworkCrew,
    addressOf: (valueName: string) => number,
    scratchAt: number,
    options: RunOptions,
  ): Promise<void> {
    const direct: Direct = new Map(
      [...this.#direct].map(([slot, name]) => [slot, addressOf(this.#valueName(name))] as const),
    );
    await executeInPlace(
      this.#work,
      this.#tensors(crew, addressOf),
      direct,
      crew,
      placeWindow(this.#window, scratchAt),
      options,
    );
  }

  /** What is copied with an order: constants, and tensors over the memory itself. */
  #tensors(crew: NetworkCrew, addressOf: (valueName: string) => number): Tensors {
    const { geometry, dtype, outputDtype } = this.#work.parameters;
    const tensors: Record<string, HostTensor> = { ...this.#constants };
    const shape = [geometry.batch, geometry.heads, geometry.tokens, geometry.headDim];
    const count = shape.reduce((product, size) => product * size, 1);
    const { buffer } = crew.engine.bytes();
    const add = ({ name }: Transfer, type: typeof dtype) => {
      const at = addressOf(this.#valueName(name));
      const data = type === "f32" ? new Float32Array(buffer, at, count) : new Uint16Array(buffer, at, count);
      tensors[name] = new HostTensor(type, shape, data as never);
    };
    for (const transfer of this.#work.loads) if (transfer.order !== undefined) add(transfer, dtype);
    for (const transfer of this.#work.stores) if (transfer.order !== undefined) add(transfer, outputDtype);
    return tensors;
  }
}
