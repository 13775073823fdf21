/** From the host to a worker. */
export type Order =
  | { readonly kind: "init"; readonly module: WebAssembly.Module; readonly memory: WebAssembly.Memory | undefined }
  /** The kernels of networks. */
  | { readonly kind: "install"; readonly module: WebAssembly.Module }
  /** Shared memory: take tasks from the common list until it is empty. */
  | {
      readonly kind: "share";
      readonly op: number;
      readonly tasksAt: number;
      readonly count: number;
      readonly scratch: number;
    }
  /** Shared memory: take part in the phases of a table, one after the other. */
  | { readonly kind: "sequence"; readonly at: number; readonly count: number; readonly scratch: number }
  /** Private memory: */
  | { readonly kind: "reserve"; readonly bytes: number }
  | { readonly kind: "write"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "read"; readonly at: number; readonly length: number }
  | { readonly kind: "run"; readonly op: number; readonly tasks: Int32Array; readonly scratch: number }
  | { readonly kind: "abort" };

/** From a worker to the host; every order but `write` and `abort` is answered once, in order. */
export type Answer =
  | { readonly kind: "done"; readonly bytes?: Uint8Array<ArrayBuffer> }
  | { readonly kind: "failed"; readonly message: string; readonly memory: boolean }
  | { readonly kind: "progress"; readonly done: number };

/** Words (i32 indices) at the start of a shared memory; word 0 stays free, as address 0 means "absent". */
export const NEXT_TASK = 1;
export const STOP = 2;
export const TASKS_DONE = 3;
