/** An address in device memory, or the driver's handle of a context, stream, event, module or kernel. */
export type Handle = bigint;

/** Grid, threads per block and dynamic shared memory of a launch. */
export interface LaunchShape {
  readonly grid: readonly [number, number, number];
  readonly threads: number;
  readonly sharedBytes: number;
}

/** A `[z, y, x]` tensor of 16-bit elements as the copy engine sees it: boxes of 128 rows of 64, 128-byte swizzle. */
export interface TensorMapShape {
  readonly dtype: "f16" | "bf16";
  readonly address: Handle;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

export const TENSOR_MAP_BYTES = 128;

/**
 * The part of the CUDA driver API that the backend uses. Every method throws a `SpaAttnError` when the driver reports one.
 *
 * Small on purpose: another way to call native code (Node's own FFI, one day) has only this to provide.
 */
export interface CudaDriver {
  version(): number;
  deviceCount(): number;
  deviceName(ordinal: number): string;
  attribute(ordinal: number, attribute: number): number;
  retainContext(ordinal: number): Handle;
  releaseContext(ordinal: number): void;
  /** Makes a context current for this thread until it is popped; the one before comes back then. */
  pushContext(context: Handle): void;
  popContext(): void;
  memoryInfo(): { free: number; total: number };
  loadModule(image: Uint8Array): Handle;
  unloadModule(module: Handle): void;
  getFunction(module: Handle, name: string): Handle;
  setSharedBytes(kernel: Handle, bytes: number): void;
  allocate(bytes: number): Handle;
  free(pointer: Handle): void;
  /** Pinned host memory and a view of it. */
  allocateHost(bytes: number): { pointer: Handle; view: Uint8Array };
  freeHost(pointer: Handle): void;
  /** True when the address is device memory of this process. */
  isDevicePointer(pointer: Handle): boolean;
  copyToDevice(target: Handle, source: Uint8Array, stream: Handle): void;
  copyOnDevice(target: Handle, source: Handle, bytes: number, stream: Handle): void;
  /** Into pinned memory, asynchronously. */
  copyToHost(target: Handle, source: Handle, bytes: number, stream: Handle): void;
  createStream(): Handle;
  destroyStream(stream: Handle): void;
  synchronizeStream(stream: Handle): void;
  /** Whether work submitted to the stream is being captured into a graph instead of run. */
  isCapturing(stream: Handle): boolean;
  /** Work submitted from here on becomes part of a graph, until `endCapture` returns it ready to launch. */
  beginCapture(stream: Handle): void;
  endCapture(stream: Handle): Handle;
  launchGraph(graph: Handle, stream: Handle): void;
  destroyGraph(graph: Handle): void;
  createEvent(): Handle;
  destroyEvent(event: Handle): void;
  recordEvent(event: Handle, stream: Handle): void;
  /** Work submitted to the stream from here on waits for the event, on the device. */
  waitEvent(stream: Handle, event: Handle): void;
  /** Blocks the thread until the event is done. */
  synchronizeEvent(event: Handle): void;
  /** True when everything before the event is done. */
  eventDone(event: Handle): boolean;
  /** Milliseconds between two events that are done. */
  elapsed(begin: Handle, end: Handle): number;
  /** Writes 128 bytes for the copy engine. */
  encodeTensorMap(shape: TensorMapShape): Uint8Array;
  /** Each parameter by value; copied before the call returns. */
  launch(kernel: Handle, shape: LaunchShape, parameters: readonly Uint8Array[], stream: Handle): void;
  /** The same with parameters that lie ready: `list` is the address of the addresses of each. */
  launchAt(kernel: Handle, shape: LaunchShape, list: Handle, stream: Handle): void;
}

/** Device attributes, by the numbers of `CUdevice_attribute`. */
export const ATTRIBUTE = { major: 75, minor: 76, multiprocessors: 16, sharedBytesPerBlock: 97 } as const;
