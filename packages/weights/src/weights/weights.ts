import type { DType, HostTensor } from "@spaattn/core";
import type { Rows } from "../safetensors/read-rows.js";

/** What is known of a tensor before it is read. */
export interface WeightEntry {
  readonly name: string;
  /** The dtype `read` gives. */
  readonly dtype: DType;
  /** As in the file: `F32`, `BF16`, `F8_E4M3`, ... */
  readonly fileType: string;
  readonly shape: readonly number[];
  /** Bytes in the file. */
  readonly bytes: number;
  /** The file it lies in. */
  readonly file: string;
}

export interface ReadOptions {
  /** Some rows (indices of the first axis) alone. */
  readonly rows?: Rows;
  /** The shape the whole tensor must have. */
  readonly shape?: readonly number[];
}

export interface StreamOptions {
  /** Bytes per piece at most; default 4 MiB. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
}

/**
 * The weights of one model, by name. Nothing is read before it is asked for, and nothing is kept.
 *
 * Every method that names a tensor rejects with `MalformedFile` where it is missing or has another shape than
 * expected; the message names the tensor, the file and the expectation.
 */
export interface Weights {
  /** Shown in error messages. */
  readonly name: string;
  readonly names: readonly string[];
  has(name: string): boolean;
  entry(name: string, expected?: { readonly shape?: readonly number[] }): Promise<WeightEntry>;
  read(name: string, options?: ReadOptions): Promise<HostTensor>;
  /** The bytes as they lie in the file, piece by piece; every piece is a new array. */
  stream(name: string, options?: StreamOptions): AsyncIterable<Uint8Array>;
  /** Opens every file and checks that all names are there; reads headers only. */
  check(): Promise<void>;
  /** Closes the files. */
  close(): Promise<void>;
}
