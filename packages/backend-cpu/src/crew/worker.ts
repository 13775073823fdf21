/// <reference lib="webworker" />
import { NETWORK } from "../network/kernels.js";
import type { Engine } from "./crew.js";
import { breathe, drive } from "./drive.js";
import { type Answer, NEXT_TASK, type Order, STOP, TASKS_DONE } from "./messages.js";
import * as T from "./phase-table.js";

/*
 * What a worker thread runs, in Node and in browsers. Bundled to a string by scripts/build-generated.mjs, so it may
 * import nothing that is not bundled with it.
 */

interface Port {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  on?(event: "message", listener: (order: Order) => void): void;
  onmessage?: unknown;
}

const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
const port = (threads?.parentPort ?? globalThis) as unknown as Port;
const answer = (message: Answer, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

let memory: WebAssembly.Memory;
let step: Engine["step"];
let network: Engine["step"];
let aborted = false;

const stepsOf = async (module: WebAssembly.Module) =>
  (await WebAssembly.instantiate(module, { env: { memory } })).exports.step as Engine["step"];

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case "init":
      memory = order.memory ?? new WebAssembly.Memory({ initial: 1, maximum: 65536 });
      step = await stepsOf(order.module);
      return answer({ kind: "done" });
    case "install":
      network = await stepsOf(order.module);
      return answer({ kind: "done" });
    case "share":
      share(order);
      return answer({ kind: "done" });
    case "sequence":
      sequence(order);
      return answer({ kind: "done" });
    case "reserve": {
      const pages = Math.ceil((order.bytes - memory.buffer.byteLength) / 65536);
      if (pages > 0) memory.grow(pages);
      return answer({ kind: "done" });
    }
    case "write":
      return new Uint8Array(memory.buffer).set(order.bytes, order.at);
    case "read": {
      const bytes = new Uint8Array(memory.buffer).slice(order.at, order.at + order.length);
      return answer({ kind: "done", bytes }, [bytes.buffer]);
    }
    case "run":
      aborted = false;
      await drive(step, order.op, order.tasks, order.scratch, async (done) => {
        answer({ kind: "progress", done });
        await breathe();
        if (aborted) throw new Error("aborted");
      });
      return answer({ kind: "done" });
    case "abort":
      aborted = true;
  }
}

/** Takes tasks from the list all threads share; longest first, so the threads finish together. */
function share({ op, tasksAt, count, scratch }: Extract<Order, { kind: "share" }>): void {
  const words = new Int32Array(memory.buffer);
  const tasks = tasksAt >> 2;
  for (let i = Atomics.add(words, NEXT_TASK, 1); i < count; i = Atomics.add(words, NEXT_TASK, 1)) {
    let from = 0;
    do {
      if (Atomics.load(words, STOP) !== 0) return;
      from = step(op, words[tasks + 2 * i], words[tasks + 2 * i + 1], scratch, from);
    } while (from !== 0);
    Atomics.add(words, TASKS_DONE, 1);
  }
}

/** Looks this often before it sleeps: phases of a few microseconds are not worth a sleep. */
const SPINS = 2000;
/** Sleeping threads look up this often, should the others have stopped. */
const SLEEP_MS = 20;

/** Takes part in all phases; waits behind each until the other threads are done with it too. */
function sequence({ at, count, scratch }: Extract<Order, { kind: "sequence" }>): void {
  const words = new Int32Array(memory.buffer);
  const times = new Float64Array(memory.buffer);
  for (let phase = 0, row = at >> 2; phase < count; phase++, row += T.PHASE_WORDS) {
    const [op, job, units] = [words[row + T.OP], words[row + T.JOB], words[row + T.UNITS]];
    const run = op < NETWORK ? step : network;
    for (let unit = Atomics.add(words, row + T.NEXT, 1); unit < units; unit = Atomics.add(words, row + T.NEXT, 1)) {
      if (Atomics.load(words, STOP) !== 0) return;
      run(op, job, unit, scratch, 0);
      if (Atomics.add(words, row + T.DONE, 1) !== units - 1) continue;
      times[(row + T.ENDED) >> 1] = T.now();
      Atomics.store(words, TASKS_DONE, phase + 1);
      Atomics.notify(words, row + T.DONE);
    }
    let spins = 0;
    for (let done = Atomics.load(words, row + T.DONE); done < units; done = Atomics.load(words, row + T.DONE)) {
      if (Atomics.load(words, STOP) !== 0) return;
      if (++spins > SPINS) Atomics.wait(words, row + T.DONE, done, SLEEP_MS);
    }
  }
}

function receive(order: Order): void {
  obey(order).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    answer({ kind: "failed", message, memory: order.kind === "reserve" });
  });
}

if (port.on) port.on("message", receive);
else port.onmessage = (event: MessageEvent<Order>) => receive(event.data);
