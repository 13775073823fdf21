import { byteLength, byteSize, elementCount, type PlanOperation, type PlanValue, SpaAttnError } from "@spaattn/core";
import type { Command, Lowered, Operand } from "../commands.js";
import type { Device } from "../device.js";
import type { Kernel } from "../kernel.js";
import { copyWordsKernel } from "../kernels/copy-words.js";
import { MAP_THREADS, type MapTarget, makesWords, mapLanes } from "../wgsl/map.js";
import { numberStorage } from "../wgsl/numbers.js";
import { type Storage, storageBytes } from "../wgsl/storage.js";
import { ALIGNMENT, bindRange } from "./binding.js";
import type { Dispatch, Part } from "./dispatch.js";

/** Workgroups in the first dimension of a flat dispatch. */
const WIDE = 32_768;

/** Collects the dispatches of one operation of a network. */
export class OperationLowering<A = unknown> implements Lowered {
  readonly commands: Command[] = [];
  readonly scratch = new Map<string, number>();
  readonly tables = new Map<string, Float32Array>();
  kernel = "";
  reason = "";

  constructor(
    readonly device: Device,
    readonly operation: PlanOperation,
    readonly values: Readonly<Record<string, PlanValue>>,
  ) {}

  get attrs(): A {
    return this.operation.attrs as A;
  }

  has(role: string): boolean {
    return (this.operation.in[role] ?? this.operation.out[role]) !== undefined;
  }

  spec(role: string): PlanValue {
    const name = this.operation.in[role] ?? this.operation.out[role];
    if (name === undefined) throw new TypeError(`${this.operation.op} has no ${role}`);
    return this.values[name];
  }

  shape(role: string): readonly number[] {
    return this.spec(role).shape;
  }

  count(role: string): number {
    return elementCount(this.spec(role).shape);
  }

  /** Names the choice for `describe()`. */
  chose(kernel: string, reason: string): void {
    this.kernel = kernel;
    this.reason = reason;
  }

  /** True when rows of `width` can be taken in vectors of four in all of `roles` (those that are there). */
  vec(width: number, ...roles: string[]): boolean {
    return width % 4 === 0 && roles.every((role) => !this.has(role) || (this.spec(role).view?.offset ?? 0) % 4 === 0);
  }

  storage(role: string, vec: boolean): Storage {
    return numberStorage(this.spec(role).dtype, this.device.hasF16, vec);
  }

  /** Storage of an optional tensor, for the shape of a kernel. */
  optional(role: string, vec: boolean): Storage | undefined {
    return this.has(role) ? this.storage(role, vec) : undefined;
  }

  target(role: string, vec: boolean): MapTarget {
    return { dtype: this.spec(role).dtype, vec, hasF16: this.device.hasF16 };
  }

  need(name: string, bytes: number): string {
    this.scratch.set(name, Math.max(this.scratch.get(name) ?? 0, bytes));
    return name;
  }

  table(name: string, data: Float32Array): string {
    this.tables.set(name, data);
    return name;
  }

  /**
   * Where a kernel that cannot make whole words of several numbers writes: the result itself where its numbers can be
   * stored alone or in whole vectors, else f32 scratch, which `finish` turns into the result.
   */
  result(role: string, vec: boolean): { bind: string; storage: Storage; finish: () => void } {
    const target = this.target(role, vec);
    if (!makesWords(target)) return { bind: role, storage: this.storage(role, vec), finish: () => undefined };
    const bind = this.need(`${role}.f32`, 4 * this.count(role));
    return { bind, storage: numberStorage("f32", true, vec), finish: () => this.convert(bind, role) };
  }

  /** Set by the table of operations: how f32 scratch becomes a result in its own type. */
  convert: (scratch: string, role: string) => void = () => {
    throw new TypeError(`${this.operation.op} cannot convert`);
  };

  /** Dispatches a map kernel (see wgsl/map.ts) over a result, or over part of one. */
  map(kernel: Kernel, target: MapTarget, role: string, bind: Dispatch["bind"], params: Dispatch["params"] = {}): void {
    const count = this.count(role);
    const bytes = byteSize(target.dtype);
    const words = makesWords(target);
    const lead = words ? ((this.#start(role) % ALIGNMENT) % 4) / bytes : 0;
    const items = words ? Math.ceil(((lead + count) * bytes) / 4) : count / mapLanes(target);
    this.flat(kernel, items, MAP_THREADS, {
      bind: { ...bind, y: role },
      params: { ...params, count: words ? count : items, lead },
    });
  }

  /** Dispatches over `items` invocations, in two dimensions of the grid; the kernel has the parameter `wide`. */
  flat(kernel: Kernel, items: number, threads: number, dispatch: Omit<Dispatch, "grid">): void {
    const groups = Math.max(1, Math.ceil(items / threads));
    const wide = Math.min(groups, WIDE);
    this.emit(kernel, {
      ...dispatch,
      params: { ...dispatch.params, wide: wide * threads },
      grid: [wide, Math.ceil(groups / wide)],
    });
  }

  emit(kernel: Kernel, { bind, params = {}, grid, flops = 0 }: Dispatch): void {
    const [x, y = 1, z = 1] = grid;
    const most = this.device.limits.maxComputeWorkgroupsPerDimension;
    if (Math.max(x, y, z) > most)
      throw new SpaAttnError(
        "Unsupported",
        `${this.operation.op} needs ${Math.max(x, y, z)} workgroups in a row, this device has ${most}.`,
        { remedy: "Use smaller tensors." },
      );
    const all: Record<string, number | readonly number[]> = { ...params, head0: 0, zero: 0 };
    const parts = kernel.slots.map(({ name }) => {
      const bound = bind[name];
      if (bound === undefined) throw new TypeError(`kernel ${kernel.name}: nothing bound to ${name}`);
      return typeof bound === "string" ? { role: bound, first: 0, count: -1 } : bound;
    });
    const written = new Set(
      parts
        .filter(({ role }, i) => kernel.slots[i].access !== "read" && this.has(role))
        .map(({ role }) => this.#base(role)),
    );
    const operands = kernel.slots.map(({ name, storage, access }, i) => {
      const { base, ...operand } = this.#operand(parts[i], storageBytes(storage));
      all[`base_${name}`] = base;
      return access === "read" && !operand.own && written.has(operand.tensor) ? this.#copyOf(operand, i) : operand;
    });
    this.commands.push({ kernel, operands, params: all, grid: [x, y, z], flops });
  }

  #base(role: string): string {
    const name = this.operation.in[role] ?? this.operation.out[role];
    return this.values[name].view?.base ?? name;
  }

  /** Bytes before the first element of a role, in the memory of its base. */
  #start(role: string): number {
    const { dtype, view } = this.spec(role);
    return (view?.offset ?? 0) * byteSize(dtype);
  }

  #operand({ role, first, count }: Part, unit: number): Operand & { base: number } {
    const bytes = this.scratch.get(role) ?? this.tables.get(role)?.byteLength;
    if (bytes !== undefined && !this.has(role))
      return {
        tensor: role,
        own: true,
        ...this.#range(role, first * 4, count < 0 ? bytes : (first + count) * 4, unit),
      };
    const spec = this.spec(role);
    const start = this.#start(role) + first * byteSize(spec.dtype);
    const end = count < 0 ? this.#start(role) + byteLength(spec) : start + count * byteSize(spec.dtype);
    return { tensor: this.#base(role), ...this.#range(role, start, end, unit) };
  }

  #range(role: string, start: number, end: number, unit: number): { offset: number; size: number; base: number } {
    const name = this.operation.in[role] ?? this.operation.out[role] ?? role;
    return bindRange(this.device, { start, end, unit }, `${this.operation.op}.${role} ("${name}")`);
  }

  /** WebGPU lets a dispatch write to a buffer only where nothing else in it is read: such an input is copied first. */
  #copyOf(operand: Operand, slot: number): Operand {
    const copy = this.need(`copy${this.commands.length}.${slot}`, operand.size);
    const words = operand.size / 4;
    const groups = Math.ceil(words / MAP_THREADS);
    const wide = Math.min(groups, WIDE);
    this.commands.push({
      kernel: copyWordsKernel(),
      operands: [operand, { tensor: copy, own: true, offset: 0, size: operand.size }],
      params: { base_words: 0, base_copy: 0, head0: 0, zero: 0, count: words, wide: wide * MAP_THREADS },
      grid: [wide, Math.ceil(groups / wide), 1],
      flops: 0,
    });
    return { tensor: copy, own: true, offset: 0, size: operand.size };
  }
}
