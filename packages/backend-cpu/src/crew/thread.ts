import { outOfMemory, threadsUnavailable, workerDied } from "../errors.js";
import { WORKER_SOURCE } from "../generated/worker.js";
import type { Answer, Order } from "./messages.js";

/** What Node's and the browser's workers have in common. */
interface RawWorker {
  post(order: Order, transfer: ArrayBuffer[]): void;
  /** Whether the process may end while the worker lives. */
  hold(held: boolean): void;
  terminate(): void;
}

interface Listener {
  answer(message: Answer): void;
  died(cause: unknown): void;
}

function spawn(listener: Listener): RawWorker {
  const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  if (node) {
    // No execArgv: loaders of the host program have no business in a worker.
    const worker = new node.Worker(WORKER_SOURCE, { eval: true, execArgv: [] });
    worker.on("message", (message: Answer) => listener.answer(message));
    worker.on("error", (error) => listener.died(error));
    worker.on("exit", (code) => listener.died(new Error(`it exited with code ${code}`)));
    worker.unref();
    return {
      post: (order, transfer) => worker.postMessage(order, transfer),
      hold: (held) => (held ? worker.ref() : worker.unref()),
      terminate: () => void worker.terminate(),
    };
  }
  const url = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = (event: MessageEvent<Answer>) => {
    URL.revokeObjectURL(url);
    listener.answer(event.data);
  };
  worker.onerror = (event) => listener.died(new Error(event.message || "its script could not be run"));
  return {
    post: (order, transfer) => worker.postMessage(order, transfer),
    hold: () => {},
    terminate: () => worker.terminate(),
  };
}

interface Waiting {
  readonly resolve: (answer: Extract<Answer, { kind: "done" }>) => void;
  readonly reject: (cause: unknown) => void;
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly bytes: number;
}

/** One worker thread; orders are answered in the order they were given. */
export class Thread {
  readonly #worker: RawWorker;
  readonly #waiting: Waiting[] = [];
  #dead: Error | undefined;

  constructor() {
    try {
      this.#worker = spawn({
        answer: (message) => this.#answer(message),
        died: (cause) => this.#die(workerDied(cause)),
      });
    } catch (cause) {
      throw threadsUnavailable(cause);
    }
  }

  /** Gives an order and waits for its answer. */
  ask(
    order: Order,
    transfer: ArrayBuffer[] = [],
    onProgress?: (done: number) => void,
  ): Promise<Extract<Answer, { kind: "done" }>> {
    return new Promise((resolve, reject) => {
      if (this.#dead) return reject(this.#dead);
      if (this.#waiting.length === 0) this.#worker.hold(true);
      this.#waiting.push({ resolve, reject, onProgress, bytes: order.kind === "reserve" ? order.bytes : 0 });
      this.#worker.post(order, transfer);
    });
  }

  /** Gives an order that has no answer. */
  tell(order: Order, transfer: ArrayBuffer[] = []): void {
    if (!this.#dead) this.#worker.post(order, transfer);
  }

  /** Ends the thread; whoever waits gets `cause`. */
  end(cause: Error): void {
    this.#die(cause);
    this.#worker.terminate();
  }

  #answer(message: Answer): void {
    if (message.kind === "progress") {
      this.#waiting[0]?.onProgress?.(message.done);
      return;
    }
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.hold(false);
    if (message.kind === "done") waiting?.resolve(message);
    else waiting?.reject(message.memory ? outOfMemory(waiting.bytes, message.message) : workerDied(message.message));
  }

  #die(cause: Error): void {
    if (this.#dead) return;
    this.#dead = cause;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(cause);
  }
}
