import { bf16ToNumber, f16ToNumber } from "@spaattn/core";
import * as L from "../job-layout.js";

/** Views of the memory kernels work in. */
export class Heap {
  f32!: Float32Array;
  i32!: Int32Array;
  u16!: Uint16Array;
  u8!: Uint8Array;

  constructor(bytes: number) {
    this.#adopt(new ArrayBuffer(bytes));
  }

  /** Makes room for `bytes`; what was there is kept. */
  grow(bytes: number): void {
    if (bytes <= this.u8.byteLength) return;
    const old = this.u8;
    this.#adopt(new ArrayBuffer(bytes));
    this.u8.set(old);
  }

  #adopt(buffer: ArrayBuffer): void {
    this.f32 = new Float32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }
}

/** The fields of one job, read by name. */
export class Job {
  constructor(
    readonly heap: Heap,
    readonly at: number,
  ) {}

  int(field: number): number {
    return this.heap.i32[(this.at + field) >> 2];
  }

  float(field: number): number {
    return this.heap.f32[(this.at + field) >> 2];
  }

  /** Index into `heap.f32` or `heap.i32` of a tensor, or -1 when it is absent. */
  words(field: number): number {
    const pointer = this.int(field);
    return pointer === 0 ? -1 : pointer >>> 2;
  }

  get blockSize(): number {
    return this.int(L.BLOCK_SIZE);
  }
  get headDim(): number {
    return this.int(L.HEAD_DIM);
  }
  get visual(): number {
    return this.int(L.VISUAL);
  }
  get visualBlocks(): number {
    return this.int(L.VISUAL_BLOCKS);
  }

  /** Valid visual tokens of block `j`. */
  filled(j: number): number {
    return Math.min(this.blockSize, this.visual - j * this.blockSize);
  }
}

/** Index into `heap.f32` of `count` rows of query, key or value from token `first` on; converted into `scratch` unless they are f32. */
export function rowsOf(job: Job, field: number, first: number, count: number, scratch: number): number {
  const { heap, headDim: d } = job;
  const from = first * d;
  const length = count * d;
  const dtype = job.int(L.DTYPE);
  if (dtype === 0) return job.words(field) + from;
  const widen = dtype === 1 ? f16ToNumber : bf16ToNumber;
  const source = (job.int(field) >>> 1) + from;
  for (let x = 0; x < length; x++) heap.f32[scratch + x] = widen(heap.u16[source + x]);
  return scratch;
}

/** sum a[x] b[x] */
export function dot(f32: Float32Array, a: number, b: number, length: number): number {
  let even = 0;
  let odd = 0;
  for (let x = 0; x < length; x += 2) {
    even += f32[a + x] * f32[b + x];
    odd += f32[a + x + 1] * f32[b + x + 1];
  }
  return even + odd;
}
