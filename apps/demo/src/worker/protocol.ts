import type { CompareRow, CurvePoint, Mode, Quality } from "@spaattn/lab";
import type { Settings } from "../state/settings.js";

/** Where inputs come from. Files are read in the worker and never leave the machine. */
export type Source =
  | { readonly kind: "bundled"; readonly url: string }
  | { readonly kind: "file"; readonly file: File; readonly shrink: boolean };

export type BackendName = "webgpu" | "cpu";

/** What the page asks the worker for. */
export type Task =
  | { readonly kind: "backends" }
  | { readonly kind: "open"; readonly source: Source }
  | { readonly kind: "explore"; readonly settings: Settings }
  | { readonly kind: "row"; readonly settings: Settings }
  | { readonly kind: "curve"; readonly settings: Settings }
  | { readonly kind: "explain"; readonly settings: Settings }
  | { readonly kind: "bench"; readonly backend: BackendName }
  | { readonly kind: "check"; readonly backend: BackendName };

export type ToWorker =
  | { readonly type: "start"; readonly id: number; readonly task: Task }
  | { readonly type: "cancel"; readonly id: number };

export type FromWorker =
  | { readonly type: "event"; readonly id: number; readonly event: WorkerEvent }
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "failed"; readonly id: number; readonly failure: Failure };

/** An error as a visitor reads it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** True: the work was cancelled on purpose and there is nothing to tell. */
  readonly aborted: boolean;
}

export interface BackendStatus {
  readonly name: BackendName;
  readonly available: boolean;
  /** The device, or why there is none. */
  readonly text: string;
  readonly remedy: string;
}

/** The clip at a size fit for looking at, cropped as the tokens are. */
export interface ClipView {
  readonly name: string;
  readonly frames: readonly ImageBitmap[];
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly note: string;
}

export interface InputInfo {
  readonly name: string;
  readonly kind: "clip" | "capture";
  /** Token grid `[t, h, w]`; absent for captures without one. */
  readonly grid?: readonly [number, number, number];
  readonly tokens: number;
  readonly visualTokens: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly headDim: number;
  readonly heads: readonly string[];
  readonly notes: readonly string[];
  /** Attention position of each raster token. */
  readonly inverse?: Int32Array;
  readonly backend: { readonly name: BackendName; readonly device: string };
}

/** Small pictures with an alpha channel: `[frames, height, width, 4]`. */
export interface PictureFrames {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly rgba: Uint8ClampedArray;
}

/** One line of the results, with what its pictures need. */
export interface ModeView {
  readonly mode: Mode;
  readonly row: CompareRow;
  readonly heads: readonly Quality[];
  readonly steps: readonly { readonly op: string; readonly ms: number }[];
  /** The output as frames, mean of all heads; absent for captures. */
  readonly picture?: PictureFrames;
  /** `[tokens]` length of the error of every token, raster order. */
  readonly errors: Float32Array;
}

/** Block maps of all heads, each `[heads, n, n]`. */
export interface BlockMaps {
  readonly heads: number;
  readonly blocks: number;
  readonly mode: Settings["mode"];
  /** Estimated: the paper's P, or the mass the tail's summaries see. */
  readonly probabilities: Float32Array;
  readonly mask: Uint8Array;
  /** The paper's gain test. */
  readonly gain: Uint8Array;
  /** Exact attention mass. */
  readonly mass: Float32Array;
}

/** Where one token attends, raster order, for one head. */
export interface RowView {
  readonly head: number;
  readonly token: number;
  readonly rows: Readonly<Partial<Record<Mode, Float32Array>>>;
}

/** Live numbers and pictures of the walk through the method; see pages/explain.ts. */
export interface ExplainView {
  readonly head: number;
  readonly token: number;
  /** Query block of the token. */
  readonly block: number;
  readonly blocks: number;
  /** `[tokens]` block of each raster token. */
  readonly blockOf: Int32Array;
  /** One pixel per token with the mean colour of its block (clips only). */
  readonly pooled?: PictureFrames;
  /** `[n]` of the token's query block: estimated and exact mass. */
  readonly probabilities: Float32Array;
  readonly mass: Float32Array;
  readonly paperMask: Uint8Array;
  readonly gain: Uint8Array;
  /** `[n]` R of each query block. */
  readonly factor: Float32Array;
  /** `[n]` E of the query block: the error of summarising each block. */
  readonly blockError: Float32Array;
  readonly tailMask: Uint8Array;
  /** `[tokens]` stratum (0 to strata - 1) of each raster token inside its block. */
  readonly stratumOf: Int32Array;
  readonly strata: number;
}

export interface CheckLine {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly detail: string;
  readonly ms: number;
}

export interface BenchLine {
  readonly tokens: number;
  readonly mode: Mode;
  readonly ms: number;
  readonly speedup: number;
  readonly density: number;
  readonly estimationShare: number;
  readonly relL2: number;
  /** Of the dense run, in billions of floating-point operations per second. */
  readonly gflops: number;
}

export type WorkerEvent =
  | { readonly kind: "progress"; readonly share: number; readonly what: string }
  | { readonly kind: "backends"; readonly list: readonly BackendStatus[] }
  | { readonly kind: "opened"; readonly clip?: ClipView; readonly name: string }
  | { readonly kind: "inputs"; readonly info: InputInfo }
  | { readonly kind: "mode"; readonly view: ModeView }
  | { readonly kind: "maps"; readonly maps: BlockMaps }
  | { readonly kind: "row"; readonly row: RowView }
  | { readonly kind: "point"; readonly point: CurvePoint }
  | { readonly kind: "explain"; readonly view: ExplainView }
  | { readonly kind: "check"; readonly line: CheckLine }
  | { readonly kind: "bench"; readonly line: BenchLine };
