import * as L from "../src/job-layout";

/** An integer field of a job. */
@inline export function int(job: usize, field: i32): i32 {
  return load<i32>(job + <usize>field);
}

@inline export function float(job: usize, field: i32): f32 {
  return load<f32>(job + <usize>field);
}

/** The address of a tensor, 0 when it is absent. */
@inline export function at(job: usize, field: i32): usize {
  return <usize>load<u32>(job + <usize>field);
}

/** Bytes of one f32 row of headDim numbers. */
@inline export function rowBytes(job: usize): usize {
  return <usize>int(job, L.HEAD_DIM) << 2;
}

/** Valid visual tokens of block `j`. */
export function filled(job: usize, j: i32): i32 {
  const size = int(job, L.BLOCK_SIZE);
  return min(size, int(job, L.VISUAL) - j * size);
}

export function fill(from: usize, bytes: usize, value: f32): void {
  const v = f32x4.splat(value);
  for (let end = from + bytes; from < end; from += 16) v128.store(from, v);
}

export function copy(to: usize, from: usize, bytes: usize): void {
  for (const end = from + bytes; from < end; from += 16, to += 16) v128.store(to, v128.load(from));
}
