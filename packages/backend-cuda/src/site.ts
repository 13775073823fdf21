import type { Geometry } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import type { Launch } from "./device.js";
import type { Handle } from "./driver/driver.js";

/**
 * A tensor as a step sees it: where it is, how many bytes one head takes (0: shared by all heads), and whether it has the
 * kernels' own layout (u16 lists, 16-bit strata, bias rows of whole tiles) instead of the contract's.
 */
export interface View {
  readonly pointer: Handle;
  readonly perHead: number;
  readonly native: boolean;
}
export type Views = Readonly<Record<string, View | undefined>>;

/** Memory that lives as long as a program, by name. */
export interface Scratch {
  take(name: string, bytes: number): Handle;
  constant(name: string, data: Int32Array | Float32Array): Handle;
}

/** Where a step runs: a range of heads (batch times heads, flattened), scratch memory, and what happens to its launches. */
export class Site {
  constructor(
    /** Compute capability, 90 for 9.0. */
    readonly capability: number,
    readonly geometry: Geometry,
    readonly dtype: FloatDType,
    readonly outputDtype: FloatDType,
    readonly first: number,
    readonly heads: number,
    readonly scratch: Scratch,
    /** Launches on a stream, records, or only loads the kernel. */
    readonly launch: (launch: Launch) => void,
  ) {}

  /** The address of a tensor at the first head of this site. */
  at(view: View | undefined): Handle | undefined {
    return view && view.pointer + BigInt(view.perHead * this.first);
  }

  /** Scratch for the heads of this site, as a view that starts at its first head. */
  buffer(name: string, perHead: number): View {
    const pointer = this.scratch.take(name, perHead * this.heads);
    return { pointer: pointer - BigInt(perHead * this.first), perHead, native: true };
  }

  /** One number per head. */
  perHead(name: string, of: (batch: number, head: number) => number, kind: "i32" | "f32" = "i32"): Handle {
    const { batch, heads } = this.geometry;
    const values = Array.from({ length: batch * heads }, (_, i) => of(Math.floor(i / heads), i % heads));
    const data = kind === "i32" ? Int32Array.from(values) : Float32Array.from(values);
    return this.scratch.constant(name, data) + BigInt(4 * this.first);
  }

  get textValid(): Handle {
    return this.perHead("textValid", (batch) => this.geometry.textValid[batch]);
  }

  /** The same site for some of its heads. */
  part(first: number, heads: number): Site {
    const { capability, geometry, dtype, outputDtype, scratch, launch } = this;
    return new Site(capability, geometry, dtype, outputDtype, this.first + first, heads, scratch, launch);
  }

  /** `bf16_d128`, as kernels are named. */
  get variant(): string {
    return `${this.dtype}_d${this.geometry.headDim}`;
  }
}
