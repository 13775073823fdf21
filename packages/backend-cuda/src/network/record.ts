import { byteSize, type Placement, type Plan, type PlanValue } from "@spaattn/core";
import type { CudaDevice, Launch } from "../device.js";
import type { Handle } from "../driver/driver.js";
import { operationOf } from "../operations/index.js";
import { type Call, type Chip, type Operand, shapesOf } from "./call.js";
import type { ForeignCall } from "./launch-list.js";
import { symbolOf } from "./symbols.js";

/** All launches of a placed plan, with symbols for the addresses that a run brings. */
export interface Recording {
  readonly launches: readonly (Launch | ForeignCall)[];
  /** Where the launches of operation `i` begin; one more entry at the end. */
  readonly starts: readonly number[];
  /** Names of the tensors behind symbols 1, 2, ...; symbol 0 is the memory of the temporaries. */
  readonly bound: readonly string[];
}

/** Memory that a program keeps for its constants. */
export interface Constants {
  place(name: string, bytes: Uint8Array): Handle;
}

export const ARENA = 0;

/** Offsets of the slots in one piece of memory. */
export function offsetsOf(slots: readonly number[]): { offsets: number[]; bytes: number } {
  let bytes = 0;
  const offsets = slots.map((size) => {
    const at = bytes;
    bytes += size;
    return at;
  });
  return { offsets, bytes };
}

/** Records every operation of a plan once. */
export function recordPlan(
  device: CudaDevice,
  chip: Chip,
  plan: Plan,
  placement: Placement,
  constants: Constants,
): Recording {
  const recorder = new Recorder(device, chip, plan, placement, constants);
  return recorder.all();
}

class Recorder {
  readonly #launches: (Launch | ForeignCall)[] = [];
  readonly #bound: string[] = [];
  readonly #ids = new Map<string, number>();
  readonly #constants = new Map<string, Handle>();
  readonly #offsets: number[];

  constructor(
    readonly device: CudaDevice,
    readonly chip: Chip,
    readonly plan: Plan,
    readonly placement: Placement,
    readonly constants: Constants,
  ) {
    this.#offsets = offsetsOf(placement.slots).offsets;
  }

  all(): Recording {
    const { operations, values } = this.placement;
    const starts: number[] = [];
    operations.forEach((operation, i) => {
      starts.push(this.#launches.length);
      const shapes = shapesOf(operation, values, this.chip);
      operationOf(operation.op)?.record({
        ...shapes,
        in: this.#operands(operation.in),
        out: this.#operands(operation.out),
        scratch: this.#slot(this.placement.scratchOf[i]),
        launch: (launch) => this.#launches.push(launch),
        call: (call) => this.#launches.push(call),
        constant: (name, data) => this.#constant(`${i}.${name}`, data),
      } as Call<typeof operation.op>);
    });
    starts.push(this.#launches.length);
    return { launches: this.#launches, starts, bound: this.#bound };
  }

  #operands(names: Readonly<Record<string, string>>): Record<string, Operand> {
    return Object.fromEntries(
      Object.entries(names).map(([role, name]) => {
        const { dtype, shape } = this.placement.values[name];
        return [role, { dtype, shape, pointer: this.#addressOf(name) }];
      }),
    );
  }

  #addressOf(name: string): Handle {
    const value = this.placement.values[name];
    if (!value.view) return this.#whole(name, value);
    const base = this.#whole(value.view.base, this.placement.values[value.view.base]);
    return base + BigInt(value.view.offset * byteSize(value.dtype));
  }

  #whole(name: string, { role }: PlanValue): Handle {
    if (role === "temporary") return this.#slot(this.placement.slotOf[name]);
    if (role === "constant") return this.#constant(name, this.plan.constants[name].data);
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#bound.push(name);
      this.#ids.set(name, id);
    }
    return symbolOf(id);
  }

  #slot(slot: number): Handle {
    return slot < 0 ? 0n : symbolOf(ARENA) + BigInt(this.#offsets[slot]);
  }

  #constant(name: string, { buffer, byteOffset, byteLength: size }: ArrayBufferView): Handle {
    const known = this.#constants.get(name);
    if (known !== undefined) return known;
    const address = this.constants.place(name, new Uint8Array(buffer, byteOffset, size));
    this.#constants.set(name, address);
    return address;
  }
}
