import type { Failure, FromWorker, Task, ToWorker, WorkerEvent } from "./protocol.js";

interface Pending {
  readonly lane: string;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly settle: (outcome: Failure | undefined) => void;
}

/** An error that came back from the worker. */
export class TaskError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
    this.name = "TaskError";
  }
}

/**
 * The page's end of the worker.
 *
 * Each task runs in a lane (its kind); a new task of a lane cancels the one before, whose late messages are dropped.
 */
export class LabClient {
  #worker: Worker;
  #next = 1;
  readonly #pending = new Map<number, Pending>();

  constructor(private readonly create: () => Worker) {
    this.#worker = this.#start();
  }

  /** Resolves when the task is done; rejects with `TaskError`, also when cancelled (`failure.aborted`). */
  run(task: Task, onEvent: (event: WorkerEvent) => void, transfer: Transferable[] = []): Promise<void> {
    this.cancel(task.kind);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const settle = (failure: Failure | undefined) => (failure ? reject(new TaskError(failure)) : resolve());
      this.#pending.set(id, { lane: task.kind, onEvent, settle });
      this.#post({ type: "start", id, task }, transfer);
    });
  }

  /** Cancels what runs in a lane. */
  cancel(lane: Task["kind"]): void {
    for (const [id, pending] of this.#pending) {
      if (pending.lane !== lane) continue;
      this.#post({ type: "cancel", id });
      this.#finish(id, { code: "Aborted", message: "Cancelled.", remedy: "", aborted: true });
    }
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #start(): Worker {
    const worker = this.create();
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "event") this.#pending.get(data.id)?.onEvent(data.event);
      else this.#finish(data.id, data.type === "failed" ? data.failure : undefined);
    };
    // A worker that dies (out of memory, say) takes everything in it along: fail what was pending and start afresh.
    worker.onerror = (event) => {
      event.preventDefault();
      const failure = {
        code: "WorkerFailed",
        message: `The computation stopped: ${event.message || "its worker could not go on"}.`,
        remedy: "Try fewer tokens, or reload the page.",
        aborted: false,
      };
      worker.terminate();
      this.#worker = this.#start();
      for (const id of [...this.#pending.keys()]) this.#finish(id, failure);
    };
    return worker;
  }

  #finish(id: number, failure: Failure | undefined): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.settle(failure);
  }
}
