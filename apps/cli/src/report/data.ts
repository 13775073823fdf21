import type { CompareRow, CurvePoint, Mode } from "@spaattn/lab";
import type { Machine } from "../compare/machine.js";

export type SparseMode = Exclude<Mode, "dense">;

/** A picture that stands in the page itself. */
export interface InlinePicture {
  /** A `data:` address of a PNG. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** All frames of a clip, one under the other. */
export interface FilmStrip extends InlinePicture {
  readonly frames: number;
}

/** The frames a choice of heads shows, per mode, at the report's drop rate. */
export interface FrameSet {
  readonly label: string;
  readonly films: Readonly<Partial<Record<Mode, FilmStrip>>>;
  readonly errors: Readonly<Partial<Record<SparseMode, FilmStrip>>>;
  /** PSNR in decibels of each mode's frames against dense attention's; null where they are equal. */
  readonly psnr: Readonly<Partial<Record<SparseMode, number | null>>>;
  /** Error at the top of the error maps' scale. */
  readonly top: number;
}

/** The maps of one head. */
export interface HeadReport {
  readonly head: number;
  readonly label: string;
  readonly relL2: Readonly<Partial<Record<SparseMode, number>>>;
  /** Mass that query blocks (rows) give to key blocks (columns): the truth and two estimates of it. */
  readonly maps: { readonly truth: InlinePicture; readonly implicit: InlinePicture; readonly tail: InlinePicture };
  readonly masks: Readonly<Partial<Record<SparseMode, InlinePicture>>>;
  readonly gain: InlinePicture;
}

/** Everything a report shows. */
export interface ReportData {
  readonly input: string;
  readonly name: string;
  readonly backend: string;
  readonly machine: Machine;
  readonly version: string;
  readonly made: Date;
  readonly notes: readonly string[];
  /** What to know before trusting the figures. */
  readonly warnings: readonly string[];
  readonly rows: readonly CompareRow[];
  /** The drop rate the pictures are made at: the first one asked for. */
  readonly dropRate: number;
  readonly modes: readonly SparseMode[];
  readonly curve: readonly CurvePoint[];
  readonly blocks: number;
  readonly blockSize: number;
  readonly frames: readonly FrameSet[];
  /** The clip as attention sees it: cut to whole patches. */
  readonly source?: FilmStrip;
  readonly fps: number;
  readonly heads: readonly HeadReport[];
  /** Heads there are; maps are shown of the first few only where there are very many. */
  readonly headCount: number;
}
