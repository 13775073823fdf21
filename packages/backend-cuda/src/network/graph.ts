import type { CudaDevice } from "../device.js";
import type { Handle } from "../driver/driver.js";

export type Addresses = readonly (Handle | undefined)[];

/** From so many launches on a graph pays without being asked for. */
const MANY_LAUNCHES = 64;

const same = (a: Addresses, b: Addresses) => a.length === b.length && a.every((address, i) => address === b[i]);

/**
 * Whole runs of one program as a CUDA graph, where that is wanted: a launch costs the host much more than its share of a
 * graph. The graph holds addresses, so it is made again when other tensors are bound.
 */
export class RunGraph {
  #graph: { readonly addresses: Addresses; readonly exec: Handle; readonly destroy: () => void } | undefined;
  /** Those of the last whole run. */
  #last: Addresses = [];

  constructor(
    readonly device: CudaDevice,
    /** By default programs of many launches do it from the second run with the same tensors on. */
    readonly wanted: boolean | undefined,
  ) {}

  /** Launches a whole run on `stream`, as a graph or through `launch`. The context must be current. */
  run(addresses: Addresses, launches: number, stream: Handle, launch: (stream: Handle) => void): void {
    const exec = this.#execFor(addresses, launches, stream, launch);
    if (exec === undefined) launch(stream);
    else this.device.guard.raw.launchGraph(exec, stream);
  }

  dispose(): void {
    this.#graph?.destroy();
    this.#graph = undefined;
  }

  #execFor(
    addresses: Addresses,
    launches: number,
    stream: Handle,
    launch: (stream: Handle) => void,
  ): Handle | undefined {
    const { device, wanted = launches >= MANY_LAUNCHES } = this;
    if (!wanted || (stream !== device.stream && device.guard.raw.isCapturing(stream))) return undefined;
    if (this.#graph && same(this.#graph.addresses, addresses)) return this.#graph.exec;
    const again = same(this.#last, addresses);
    this.#last = addresses;
    return this.wanted || again ? this.#capture(addresses, launch) : undefined;
  }

  #capture(addresses: Addresses, launch: (stream: Handle) => void): Handle {
    const driver = this.device.guard.raw;
    this.dispose();
    const stream = driver.createStream();
    try {
      driver.beginCapture(stream);
      launch(stream);
      const exec = driver.endCapture(stream);
      this.#graph = { addresses, exec, destroy: this.device.hold(() => this.device.driver.destroyGraph(exec)) };
      return exec;
    } finally {
      driver.destroyStream(stream);
    }
  }
}
