/// <reference lib="webworker" />
import type { Engine } from "./device.js";
import { breathe, drive } from "./drive.js";
import { type Answer, NEXT_TASK, type Order, STOP, TASKS_DONE } from "./messages.js";

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
let aborted = false;

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case "init": {
      memory = order.memory ?? new WebAssembly.Memory({ initial: 1, maximum: 65536 });
      const instance = await WebAssembly.instantiate(order.module, { env: { memory } });
      step = instance.exports.step as Engine["step"];
      return answer({ kind: "done" });
    }
    case "share":
      share(order);
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

function receive(order: Order): void {
  obey(order).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    answer({ kind: "failed", message, memory: order.kind === "reserve" });
  });
}

if (port.on) port.on("message", receive);
else port.onmessage = (event: MessageEvent<Order>) => receive(event.data);
