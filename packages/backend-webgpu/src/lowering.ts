import type { Geometry, StepKind } from "@spaattn/attention";
import { byteSize, type DType, elementCount, type FloatDType, SpaAttnError } from "@spaattn/core";
import type { Command, Lowered, Operand } from "./commands.js";
import type { Device } from "./device.js";
import type { Kernel } from "./kernel.js";
import { rowStorage, type Storage, storageBytes } from "./wgsl/storage.js";

export interface TensorShape {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A run of consecutive (batch item, head) pairs. */
export interface HeadWindow {
  readonly first: number;
  readonly count: number;
}

export interface Dispatch {
  /** Tensor or scratch of every slot of the kernel. */
  readonly bind: Readonly<Record<string, string>>;
  readonly params?: Readonly<Record<string, number | readonly number[]>>;
  readonly grid: readonly [number, number];
  /** Heads to work on, when they are fewer than the window's (the third grid dimension). */
  readonly heads?: number;
  /** Floating-point operations per head. */
  readonly flops?: number;
}

/** Scratch of one step may not grow beyond this: more heads than fit take turns. */
const SCRATCH_BYTES = 64 * 1024 * 1024;

/** Collects the dispatches of one step: cuts them by heads, lays out scratch memory, remembers what was chosen. */
export class Lowering implements Lowered {
  readonly commands: Command[] = [];
  /** Bytes of scratch buffers by name. */
  readonly scratch = new Map<string, number>();
  kernel = "";
  reason = "";

  constructor(
    readonly op: StepKind,
    readonly device: Device,
    readonly geometry: Geometry,
    readonly tensors: Readonly<Record<string, TensorShape | undefined>>,
  ) {}

  get heads(): number {
    return this.geometry.batch * this.geometry.heads;
  }

  has(role: string): boolean {
    return this.tensors[role] !== undefined;
  }

  /** Storage of a query-like tensor. */
  rows(role: string): Storage {
    return rowStorage(this.tensors[role]!.dtype as FloatDType, this.device.hasF16);
  }

  /** Names the choice for `describe()`. */
  chose(kernel: string, reason: string): void {
    this.kernel = kernel;
    this.reason = reason;
  }

  /**
   * Cuts the heads such that one window of each of `roles` fits a binding, and scratch stays bounded.
   *
   * @param scratch bytes per head of each scratch buffer that is needed
   * @param multiple windows start at multiples of it
   */
  windows(roles: readonly string[], scratch: Readonly<Record<string, number>> = {}, multiple = 1): HeadWindow[] {
    const limit = this.device.limits.maxStorageBufferBindingSize;
    let most = this.heads;
    for (const role of roles) {
      const perHead = this.#headBytes(role);
      if (perHead === 0) continue;
      // A window may start up to one alignment unit before its first element.
      const fit = perHead * this.heads <= limit ? this.heads : Math.floor((limit - 512) / perHead);
      if (fit < 1) throw this.#tooLarge(role, perHead, limit);
      most = Math.min(most, fit);
    }
    const largest = Math.max(1, ...Object.values(scratch));
    if (largest > limit) throw this.#tooLarge("scratch", largest, limit);
    most = Math.min(most, Math.max(1, Math.floor(Math.min(SCRATCH_BYTES, limit) / largest)));
    if (most < this.heads) most = Math.max(multiple, most - (most % multiple));
    for (const [name, bytes] of Object.entries(scratch))
      this.scratch.set(name, Math.max(this.scratch.get(name) ?? 0, bytes * most));
    // The third dimension of a grid has its limit too.
    const groups = this.device.limits.maxComputeWorkgroupsPerDimension;
    if (most > groups) most = groups - (groups % multiple);
    const windows: HeadWindow[] = [];
    for (let first = 0; first < this.heads; first += most)
      windows.push({ first, count: Math.min(most, this.heads - first) });
    return windows;
  }

  /** Adds one dispatch over the heads of a window (third grid dimension). */
  emit(kernel: Kernel, window: HeadWindow, dispatch: Dispatch): void {
    const params: Record<string, number | readonly number[]> = { ...dispatch.params, head0: window.first, zero: 0 };
    const operands = kernel.slots.map(({ name, storage }) => {
      const tensor = dispatch.bind[name];
      if (!tensor) throw new TypeError(`kernel ${kernel.name}: nothing bound to ${name}`);
      const { base, ...operand } = this.#operand(tensor, window, storageBytes(storage));
      params[`base_${name}`] = base;
      return operand;
    });
    const heads = dispatch.heads ?? window.count;
    const groups = Math.max(heads, ...dispatch.grid);
    if (groups > this.device.limits.maxComputeWorkgroupsPerDimension) throw this.#tooMany(groups);
    this.commands.push({
      kernel,
      operands,
      params,
      grid: [dispatch.grid[0], dispatch.grid[1], heads],
      flops: (dispatch.flops ?? 0) * heads,
    });
  }

  #operand(role: string, window: HeadWindow, unit: number): Operand & { base: number } {
    const scratch = this.scratch.get(role);
    if (scratch !== undefined) return { tensor: role, own: true, offset: 0, size: roundUp(scratch, 4), base: 0 };
    const perHead = this.#headBytes(role);
    const shape = this.tensors[role]!;
    if (perHead === 0) return { tensor: role, offset: 0, size: roundUp(bytesOf(shape), 4), base: 0 };
    const start = window.first * perHead;
    const alignment = Math.max(256, this.device.limits.minStorageBufferOffsetAlignment);
    const offset = start - (start % alignment);
    return {
      tensor: role,
      offset,
      size: roundUp(start + window.count * perHead - offset, 4),
      base: (start - offset) / unit,
    };
  }

  /** Bytes of one head, 0 for a tensor that all heads share. */
  #headBytes(role: string): number {
    const tensor = this.tensors[role];
    if (!tensor) return 0;
    const { batch, heads } = this.geometry;
    const { shape } = tensor;
    const perHead = shape.length >= 3 && shape[0] === batch && shape[1] === heads;
    return perHead ? bytesOf(tensor) / this.heads : 0;
  }

  #tooMany(groups: number): SpaAttnError {
    return new SpaAttnError(
      "Unsupported",
      `${this.op} needs ${groups} workgroups in a row, this device has ${this.device.limits.maxComputeWorkgroupsPerDimension}.`,
      { remedy: "Use fewer tokens or larger blocks." },
    );
  }

  #tooLarge(role: string, bytes: number, limit: number): SpaAttnError {
    return new SpaAttnError(
      "Unsupported",
      `One head of ${role} takes ${bytes} bytes, but this device binds at most ${limit} at once.`,
      { remedy: "Use f16, fewer tokens, or a device with a larger maxStorageBufferBindingSize (see requiredLimits)." },
    );
  }
}

const bytesOf = ({ dtype, shape }: TensorShape): number => elementCount(shape) * byteSize(dtype);
const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
