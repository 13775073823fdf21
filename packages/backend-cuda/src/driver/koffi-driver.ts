import { SpaAttnError } from "@spaattn/core";
import koffi from "koffi";
import { Arena } from "./arena.js";
import type { CudaDriver, Handle, LaunchShape, TensorMapShape } from "./driver.js";
import { TENSOR_MAP_BYTES } from "./driver.js";
import { SIGNATURES } from "./signatures.js";
import { CudaStatusError } from "./status.js";

type Name = keyof typeof SIGNATURES;
type Argument = number | bigint | string | Uint8Array;

const NOT_READY = 600;
const INVALID_VALUE = 1;
const MEMORY_TYPE = 2; // CU_POINTER_ATTRIBUTE_MEMORY_TYPE
const DEVICE_MEMORY = 2; // CU_MEMORYTYPE_DEVICE
const DYNAMIC_SHARED_BYTES = 8; // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
const NON_BLOCKING = 1; // CU_STREAM_NON_BLOCKING
const CAPTURE_RELAXED = 2; // CU_STREAM_CAPTURE_MODE_RELAXED

/** Where the driver library is by default. */
export const LIBRARY = process.platform === "win32" ? "nvcuda.dll" : "libcuda.so.1";

/** The driver through koffi. Functions are bound at their first call, so that an older driver fails late and by name. */
export class KoffiDriver implements CudaDriver {
  readonly #library: ReturnType<typeof koffi.load>;
  readonly #functions = new Map<string, (...args: Argument[]) => number>();
  // Two results, and the tables of a launch. Calls never overlap: they are synchronous.
  readonly #out = new Arena(512);
  readonly #tables = new Arena(8192);
  // The one call that is made a thousand times per run: not looked up by name.
  #launchKernel: ((...args: Argument[]) => number) | undefined;

  /** @throws SpaAttnError BackendUnavailable when the library is missing. */
  constructor(readonly path = LIBRARY) {
    try {
      this.#library = koffi.load(path);
    } catch (cause) {
      throw new SpaAttnError("BackendUnavailable", `The CUDA driver library ${path} could not be loaded.`, {
        remedy: "Install the NVIDIA driver (the CUDA toolkit is not needed), or use another backend.",
        cause,
      });
    }
    this.#call("cuInit", 0);
  }

  version(): number {
    return this.#int("cuDriverGetVersion");
  }
  deviceCount(): number {
    return this.#int("cuDeviceGetCount");
  }
  deviceName(ordinal: number): string {
    this.#call("cuDeviceGetName", this.#out.base, 256, this.#device(ordinal));
    const end = this.#out.bytes.indexOf(0);
    return new TextDecoder().decode(this.#out.bytes.slice(0, end));
  }
  attribute(ordinal: number, attribute: number): number {
    const device = this.#device(ordinal);
    return this.#int("cuDeviceGetAttribute", attribute, device);
  }
  retainContext(ordinal: number): Handle {
    const device = this.#device(ordinal);
    return this.#handle("cuDevicePrimaryCtxRetain", device);
  }
  releaseContext(ordinal: number): void {
    this.#call("cuDevicePrimaryCtxRelease_v2", this.#device(ordinal));
  }
  pushContext(context: Handle): void {
    this.#call("cuCtxPushCurrent_v2", context);
  }
  popContext(): void {
    this.#call("cuCtxPopCurrent_v2", this.#out.base);
  }
  memoryInfo(): { free: number; total: number } {
    this.#call("cuMemGetInfo_v2", this.#out.base, this.#out.base + 8n);
    return { free: Number(this.#out.view.getBigUint64(0, true)), total: Number(this.#out.view.getBigUint64(8, true)) };
  }
  loadModule(image: Uint8Array): Handle {
    return this.#handle("cuModuleLoadData", image);
  }
  unloadModule(module: Handle): void {
    this.#call("cuModuleUnload", module);
  }
  getFunction(module: Handle, name: string): Handle {
    return this.#handle("cuModuleGetFunction", module, name);
  }
  setSharedBytes(kernel: Handle, bytes: number): void {
    this.#call("cuFuncSetAttribute", kernel, DYNAMIC_SHARED_BYTES, bytes);
  }
  allocate(bytes: number): Handle {
    return this.#handle("cuMemAlloc_v2", bytes);
  }
  free(pointer: Handle): void {
    this.#call("cuMemFree_v2", pointer);
  }
  allocateHost(bytes: number): { pointer: Handle; view: Uint8Array } {
    const pointer = this.#handle("cuMemHostAlloc", bytes, 0);
    return { pointer, view: new Uint8Array(koffi.view(pointer, bytes) as ArrayBuffer) };
  }
  freeHost(pointer: Handle): void {
    this.#call("cuMemFreeHost", pointer);
  }
  isDevicePointer(pointer: Handle): boolean {
    const status = this.#status("cuPointerGetAttribute", this.#out.base, MEMORY_TYPE, pointer);
    if (status === INVALID_VALUE) return false;
    this.#check(status, "cuPointerGetAttribute");
    return this.#out.view.getUint32(0, true) === DEVICE_MEMORY;
  }
  copyToDevice(target: Handle, source: Uint8Array, stream: Handle): void {
    this.#call("cuMemcpyHtoDAsync_v2", target, source, source.length, stream);
  }
  copyOnDevice(target: Handle, source: Handle, bytes: number, stream: Handle): void {
    this.#call("cuMemcpyDtoDAsync_v2", target, source, bytes, stream);
  }
  copyToHost(target: Handle, source: Handle, bytes: number, stream: Handle): void {
    this.#call("cuMemcpyDtoHAsync_v2", target, source, bytes, stream);
  }
  createStream(): Handle {
    return this.#handle("cuStreamCreate", NON_BLOCKING);
  }
  destroyStream(stream: Handle): void {
    this.#call("cuStreamDestroy_v2", stream);
  }
  synchronizeStream(stream: Handle): void {
    this.#call("cuStreamSynchronize", stream);
  }
  isCapturing(stream: Handle): boolean {
    this.#call("cuStreamIsCapturing", stream, this.#out.base);
    return this.#out.view.getInt32(0, true) !== 0;
  }
  beginCapture(stream: Handle): void {
    this.#call("cuStreamBeginCapture_v2", stream, CAPTURE_RELAXED);
  }
  endCapture(stream: Handle): Handle {
    this.#call("cuStreamEndCapture", stream, this.#out.base);
    const graph = this.#out.view.getBigUint64(0, true);
    try {
      return this.#handle("cuGraphInstantiateWithFlags", graph, 0n);
    } finally {
      this.#call("cuGraphDestroy", graph);
    }
  }
  launchGraph(graph: Handle, stream: Handle): void {
    this.#call("cuGraphLaunch", graph, stream);
  }
  destroyGraph(graph: Handle): void {
    this.#call("cuGraphExecDestroy", graph);
  }
  createEvent(): Handle {
    return this.#handle("cuEventCreate", 0);
  }
  destroyEvent(event: Handle): void {
    this.#call("cuEventDestroy_v2", event);
  }
  recordEvent(event: Handle, stream: Handle): void {
    this.#call("cuEventRecord", event, stream);
  }
  waitEvent(stream: Handle, event: Handle): void {
    this.#call("cuStreamWaitEvent", stream, event, 0);
  }
  synchronizeEvent(event: Handle): void {
    this.#call("cuEventSynchronize", event);
  }
  eventDone(event: Handle): boolean {
    const status = this.#status("cuEventQuery", event);
    if (status === NOT_READY) return false;
    this.#check(status, "cuEventQuery");
    return true;
  }
  elapsed(begin: Handle, end: Handle): number {
    this.#call("cuEventElapsedTime", this.#out.base, begin, end);
    return this.#out.view.getFloat32(0, true);
  }

  encodeTensorMap({ dtype, address, x, y, z }: TensorMapShape): Uint8Array {
    const tables = this.#tables;
    tables.reset();
    const words = (values: readonly (number | bigint)[]) =>
      tables.place(new Uint8Array(BigUint64Array.from(values, BigInt).buffer));
    const halves = (values: readonly number[]) => tables.place(new Uint8Array(Uint32Array.from(values).buffer));
    const at = tables.reserve(TENSOR_MAP_BYTES, 128);
    const kind = dtype === "f16" ? 6 : 9; // CU_TENSOR_MAP_DATA_TYPE_FLOAT16, _BFLOAT16
    const swizzle128 = 3;
    const promotion128 = 2;
    this.#call(
      "cuTensorMapEncodeTiled",
      tables.base + BigInt(at),
      kind,
      3,
      address,
      words([x, y, z]),
      words([x * 2, x * y * 2]),
      halves([64, 128, 1]),
      halves([1, 1, 1]),
      0,
      swizzle128,
      promotion128,
      0,
    );
    return tables.bytes.slice(at, at + TENSOR_MAP_BYTES);
  }

  launch(kernel: Handle, shape: LaunchShape, parameters: readonly Uint8Array[], stream: Handle): void {
    const tables = this.#tables;
    tables.reset();
    const addresses = BigUint64Array.from(parameters, (data) => tables.place(data, 128));
    const list = tables.place(new Uint8Array(addresses.buffer));
    const [x, y, z] = shape.grid;
    this.#call("cuLaunchKernel", kernel, x, y, z, shape.threads, 1, 1, shape.sharedBytes, stream, list, 0n);
  }

  launchAt(kernel: Handle, shape: LaunchShape, list: Handle, stream: Handle): void {
    const [x, y, z] = shape.grid;
    this.#launchKernel ??= this.#bind("cuLaunchKernel", SIGNATURES.cuLaunchKernel);
    const status = this.#launchKernel(kernel, x, y, z, shape.threads, 1, 1, shape.sharedBytes, stream, list, 0n);
    if (status !== 0) this.#check(status, "cuLaunchKernel");
  }

  #device(ordinal: number): number {
    return this.#int("cuDeviceGet", ordinal);
  }
  #int(name: Name, ...args: Argument[]): number {
    this.#call(name, this.#out.base, ...args);
    return this.#out.view.getInt32(0, true);
  }
  #handle(name: Name, ...args: Argument[]): Handle {
    this.#call(name, this.#out.base, ...args);
    return this.#out.view.getBigUint64(0, true);
  }
  #call(name: Name, ...args: Argument[]): void {
    this.#check(this.#status(name, ...args), name, name === "cuMemAlloc_v2" ? ` for ${args[1]} bytes` : "");
  }
  #status(name: Name, ...args: Argument[]): number {
    return this.#bind(name, SIGNATURES[name])(...args);
  }
  #check(status: number, name: string, detail = ""): void {
    if (status !== 0) throw new CudaStatusError(status, this.#statusName(status), name, detail);
  }
  #statusName(status: number): string {
    const name = this.#library.func("int cuGetErrorName(int status, _Out_ const char **name)");
    const text: (string | null)[] = [null];
    name(status, text);
    return text[0] ?? "CUDA_ERROR_UNKNOWN";
  }
  #bind(name: string, args: readonly string[]): (...args: Argument[]) => number {
    let bound = this.#functions.get(name);
    if (bound) return bound;
    try {
      bound = this.#library.func(name, "int", [...args]) as unknown as (...args: Argument[]) => number;
    } catch (cause) {
      throw new SpaAttnError("BackendUnavailable", `The CUDA driver has no ${name}: it is too old.`, {
        remedy: "Install an NVIDIA driver of version 525 or later, or use another backend.",
        cause,
      });
    }
    this.#functions.set(name, bound);
    return bound;
  }
}
