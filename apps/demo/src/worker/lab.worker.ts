import { clipView } from "./decode/clip-view.js";
import { openSource } from "./decode/open.js";
import { describeFailure } from "./failure.js";
import type { FromWorker, Task, ToWorker } from "./protocol.js";
import { Session } from "./session.js";
import { bench } from "./tasks/bench.js";
import { check } from "./tasks/check.js";
import type { TaskContext } from "./tasks/context.js";
import { curve } from "./tasks/curve.js";
import { explain } from "./tasks/explain.js";
import { explore } from "./tasks/explore.js";
import { row } from "./tasks/row.js";

// Everything that computes lives here, so that the page never waits.
const session = new Session();
const running = new Map<number, AbortController>();
const post = (message: FromWorker, transfer: Transferable[] = []) => postMessage(message, { transfer });

globalThis.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "cancel") running.get(data.id)?.abort();
  else void start(data.id, data.task);
};

async function start(id: number, task: Task): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  const context: TaskContext = {
    session,
    signal: controller.signal,
    emit: (event, transfer) => {
      if (!controller.signal.aborted) post({ type: "event", id, event }, transfer);
    },
  };
  try {
    await perform(task, context);
    post({ type: "done", id });
  } catch (error) {
    const failure = describeFailure(error);
    if (failure.code === "DeviceLost") session.backends.forget("webgpu");
    post({ type: "failed", id, failure: controller.signal.aborted ? { ...failure, aborted: true } : failure });
  } finally {
    running.delete(id);
  }
}

async function perform(task: Task, context: TaskContext): Promise<void> {
  switch (task.kind) {
    case "backends":
      return context.emit({ kind: "backends", list: await session.backends.statuses() });
    case "open": {
      const opened = await openSource(task.source);
      session.open(opened);
      const clip = opened.clip && (await clipView(opened.clip, opened.name));
      return context.emit(
        { kind: "opened", name: opened.name, ...(clip ? { clip } : {}) },
        clip ? [...clip.frames] : [],
      );
    }
    case "explore":
      return explore(task.settings, context);
    case "row":
      return row(task.settings, context);
    case "curve":
      return curve(task.settings, context);
    case "explain":
      return explain(task.settings, context);
    case "bench":
      return bench(task.backend, context);
    case "check":
      return check(task.backend, context);
  }
}
