import type { CudaDevice, Launch } from "../device.js";
import { type Handle, type LaunchShape, TENSOR_MAP_BYTES, type TensorMapShape } from "../driver/driver.js";
import { Argument } from "../params.js";
import { decodeSymbol } from "./symbols.js";

/** A call of something other than a kernel of ours (a library), with the addresses of all symbols. */
export type ForeignCall = (addressOf: (address: Handle) => Handle, stream: Handle) => void;

interface Prepared {
  readonly kernel: Handle;
  readonly shape: LaunchShape;
  /** Address of the addresses of the parameters. */
  readonly list: Handle;
}

/** Eight bytes of a parameter that hold the address of a symbol. */
interface Pointer {
  readonly at: number;
  readonly offset: bigint;
}
interface Map {
  readonly at: number;
  readonly offset: bigint;
  readonly shape: TensorMapShape;
}

const align = (value: number, to: number) => Math.ceil(value / to) * to;

/**
 * Launches made once: kernels loaded, parameters packed into memory that never moves. A run only writes the addresses that
 * changed since the last one.
 */
export class LaunchList {
  readonly #memory: { pointer: Handle; view: Uint8Array };
  readonly #release: () => void;
  readonly #data: DataView;
  readonly #entries: (Prepared | ForeignCall)[];
  readonly #pointers: Pointer[][] = [];
  readonly #maps: Map[][] = [];
  readonly #addresses: (Handle | undefined)[] = [];

  constructor(
    readonly device: CudaDevice,
    launches: readonly (Launch | ForeignCall)[],
  ) {
    const sizes = launches.map((launch) => (typeof launch === "function" ? 0 : bytesOf(launch)));
    this.#memory = device.enter().allocateHost(
      Math.max(
        sizes.reduce((sum, size) => sum + size, 0),
        256,
      ),
    );
    const { pointer } = this.#memory;
    this.#release = device.hold(() => device.driver.freeHost(pointer));
    const { buffer, byteOffset, byteLength } = this.#memory.view;
    this.#data = new DataView(buffer, byteOffset, byteLength);
    let at = 0;
    this.#entries = launches.map((launch, i) => {
      const entry = typeof launch === "function" ? launch : this.#prepare(launch, at);
      at += sizes[i];
      return entry;
    });
  }

  /** Gives symbol `id` an address for the launches that follow. */
  bind(id: number, address: Handle): void {
    if (this.#addresses[id] === address) return;
    this.#addresses[id] = address;
    for (const { at, offset } of this.#pointers[id] ?? []) this.#data.setBigUint64(at, address + offset, true);
    for (const { at, offset, shape } of this.#maps[id] ?? [])
      this.#memory.view.set(this.device.driver.encodeTensorMap({ ...shape, address: address + offset }), at);
  }

  /** Launches entries `[first, end)`. All symbols they use must be bound; the context must be current. */
  launch(first: number, end: number, stream: Handle): void {
    const driver = this.device.guard.raw;
    for (let i = first; i < end; i++) {
      const entry = this.#entries[i];
      if (typeof entry === "function") entry(this.#resolve, stream);
      else driver.launchAt(entry.kernel, entry.shape, entry.list, stream);
    }
  }

  dispose(): void {
    this.#release();
  }

  readonly #resolve = (address: Handle): Handle => {
    const symbol = decodeSymbol(address);
    return symbol ? (this.#addresses[symbol.id] as Handle) + symbol.offset : address;
  };

  /** Parameters from `at` on, each at a multiple of 128 bytes (tensor maps need 64), then their addresses. */
  #prepare({ module, kernel, grid, threads, sharedBytes = 0, parameters }: Launch, at: number): Prepared {
    const addresses: bigint[] = [];
    let next = at;
    for (const parameter of parameters) {
      addresses.push(this.#memory.pointer + BigInt(next));
      if (parameter instanceof Argument) this.#place(parameter, next);
      else this.#placeMap(parameter, next);
      next += align(parameter instanceof Argument ? parameter.length : TENSOR_MAP_BYTES, 128);
    }
    for (const [i, address] of addresses.entries()) this.#data.setBigUint64(next + 8 * i, address, true);
    const [x, y = 1, z = 1] = grid;
    return {
      kernel: this.device.kernels.get(module, kernel, sharedBytes),
      shape: { grid: [x, y, z], threads, sharedBytes },
      list: this.#memory.pointer + BigInt(next),
    };
  }

  #place({ bytes, pointers }: Argument, at: number): void {
    this.#memory.view.set(bytes, at);
    for (const place of pointers) {
      const symbol = decodeSymbol(this.#data.getBigUint64(at + place, true));
      if (symbol) (this.#pointers[symbol.id] ??= []).push({ at: at + place, offset: symbol.offset });
    }
  }

  #placeMap(shape: TensorMapShape, at: number): void {
    const symbol = decodeSymbol(shape.address);
    if (symbol) (this.#maps[symbol.id] ??= []).push({ at, offset: symbol.offset, shape });
    else this.#memory.view.set(this.device.driver.encodeTensorMap(shape), at);
  }
}

const bytesOf = ({ parameters }: Launch): number =>
  parameters.reduce(
    (sum, parameter) => sum + align(parameter instanceof Argument ? parameter.length : TENSOR_MAP_BYTES, 128),
    0,
  ) + align(parameters.length * 8, 128);
