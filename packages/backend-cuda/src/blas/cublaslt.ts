import { isSpaAttnError, SpaAttnError } from "@spaattn/core";
import koffi from "koffi";
import { Arena } from "../driver/arena.js";
import type { Handle } from "../driver/driver.js";
import type { Blas, BlasProduct } from "../network/call.js";
import type { ForeignCall } from "../network/launch-list.js";
import { cublasPaths } from "./find.js";

/** Argument types; all return a status. `cublasLt.h`, the same in versions 12 and 13. */
const SIGNATURES = {
  cublasLtCreate: ["uint64_t"],
  cublasLtDestroy: ["uint64_t"],
  cublasLtMatmulDescCreate: ["uint64_t", "int", "int"],
  cublasLtMatmulDescSetAttribute: ["uint64_t", "int", "uint64_t", "size_t"],
  cublasLtMatmulDescDestroy: ["uint64_t"],
  cublasLtMatrixLayoutCreate: ["uint64_t", "int", "uint64_t", "uint64_t", "int64_t"],
  cublasLtMatrixLayoutDestroy: ["uint64_t"],
  cublasLtMatmulPreferenceCreate: ["uint64_t"],
  cublasLtMatmulPreferenceSetAttribute: ["uint64_t", "int", "uint64_t", "size_t"],
  cublasLtMatmulPreferenceDestroy: ["uint64_t"],
  cublasLtMatmulAlgoGetHeuristic: [
    ...["uint64_t", "uint64_t", "uint64_t", "uint64_t", "uint64_t", "uint64_t", "uint64_t"],
    ...["int", "uint64_t", "uint64_t"],
  ],
  cublasLtMatmul: new Array<string>(14).fill("uint64_t").concat("size_t", "uint64_t"),
} as const;
type Name = keyof typeof SIGNATURES;

const COMPUTE_F32 = 68;
const TYPES = { f32: 0, f16: 2, bf16: 14 } as const;
const ATTRIBUTE = { transposeA: 3, epilogue: 7, biasPointer: 8 } as const;
const EPILOGUE = { none: 1, bias: 4, gelu: 32, geluBias: 36 } as const;
const MAX_WORKSPACE = 1;
const ALGORITHM_BYTES = 64;
const RESULT_BYTES = 96;

/** What Hopper's algorithms like to have. */
const SCRATCH_BYTES = 32 * 2 ** 20;

interface Chosen {
  readonly desc: Handle;
  /** Layouts of w, x and y, which cuBLAS sees column by column. */
  readonly layouts: readonly [Handle, Handle, Handle];
  readonly algorithm: Handle;
  readonly scratchBytes: number;
}

/** Matrix products of cuBLASLt, called through koffi; algorithms are chosen once per shape. */
export class CublasLt implements Blas {
  readonly name = "cublasLt";
  readonly scratchBytes = SCRATCH_BYTES;
  readonly #functions = new Map<Name, (...args: (number | bigint)[]) => number>();
  readonly #out = new Arena(1024);
  readonly #numbers = new Arena(64);
  readonly #kept: Arena[] = [];
  readonly #chosen = new Map<string, Chosen | undefined>();
  readonly #handle: Handle;

  /** The context must be current. */
  constructor(
    readonly library: ReturnType<typeof koffi.load>,
    readonly path: string,
  ) {
    this.#numbers.view.setFloat32(0, 1, true);
    this.#numbers.view.setFloat32(4, 0, true);
    this.#handle = this.#create("cublasLtCreate");
  }

  prepare(product: BlasProduct): ForeignCall | undefined {
    const { dtype, m, n, k, gelu, bias, residual } = product;
    const key = `${dtype}:${m}:${n}:${k}:${gelu}:${bias !== undefined}:${residual !== undefined}`;
    if (!this.#chosen.has(key)) this.#chosen.set(key, this.#choose(product));
    const chosen = this.#chosen.get(key);
    return chosen && ((addressOf, stream) => this.#multiply(product, chosen, addressOf, stream));
  }

  dispose(): void {
    for (const chosen of this.#chosen.values()) if (chosen) this.#forget(chosen);
    this.#chosen.clear();
    this.#call("cublasLtDestroy", this.#handle);
  }

  #forget({ desc, layouts }: Chosen): void {
    this.#call("cublasLtMatmulDescDestroy", desc);
    for (const layout of layouts) this.#call("cublasLtMatrixLayoutDestroy", layout);
  }

  #multiply(product: BlasProduct, chosen: Chosen, addressOf: (address: Handle) => Handle, stream: Handle): void {
    const { x, w, y, bias, residual, scratch } = product;
    const { desc, layouts, algorithm, scratchBytes } = chosen;
    if (bias !== undefined) this.#set(desc, ATTRIBUTE.biasPointer, addressOf(bias));
    const one = this.#numbers.base;
    const beta = residual === undefined ? one + 4n : one;
    const c = addressOf(residual ?? y);
    this.#call(
      "cublasLtMatmul",
      ...[this.#handle, desc, one, addressOf(w), layouts[0], addressOf(x), layouts[1], beta, c, layouts[2]],
      ...[addressOf(y), layouts[2], algorithm, addressOf(scratch), scratchBytes, stream],
    );
  }

  /** yᵀ = w xᵀ: cuBLAS counts columns first, so rows of ours are its columns. */
  #choose({ dtype, m, n, k, gelu, bias }: BlasProduct): Chosen | undefined {
    const type = TYPES[dtype];
    const desc = this.#create("cublasLtMatmulDescCreate", COMPUTE_F32, TYPES.f32);
    this.#set(desc, ATTRIBUTE.transposeA, 1, 4);
    const epilogue = gelu ? (bias ? EPILOGUE.geluBias : EPILOGUE.gelu) : bias ? EPILOGUE.bias : EPILOGUE.none;
    this.#set(desc, ATTRIBUTE.epilogue, epilogue, 4);
    if (bias !== undefined) this.#set(desc, ATTRIBUTE.biasPointer, 1n << 32n);
    const layout = (rows: number, columns: number) =>
      this.#create("cublasLtMatrixLayoutCreate", type, rows, columns, rows);
    const layouts = [layout(k, n), layout(k, m), layout(n, m)] as const;
    const preference = this.#create("cublasLtMatmulPreferenceCreate");
    this.#out.view.setBigUint64(512, BigInt(SCRATCH_BYTES), true);
    this.#call("cublasLtMatmulPreferenceSetAttribute", preference, MAX_WORKSPACE, this.#out.base + 512n, 8);
    const result = new Arena(RESULT_BYTES);
    this.#kept.push(result);
    const [a, b, c] = layouts;
    const status = this.#status(
      "cublasLtMatmulAlgoGetHeuristic",
      ...[this.#handle, desc, a, b, c, c, preference, 1, result.base, this.#out.base + 576n],
    );
    this.#call("cublasLtMatmulPreferenceDestroy", preference);
    const scratchBytes = Number(result.view.getBigUint64(ALGORITHM_BYTES, true));
    const chosen = { desc, layouts, algorithm: result.base, scratchBytes };
    if (status === 0 && this.#out.view.getInt32(576, true) > 0 && result.view.getInt32(72, true) === 0) return chosen;
    this.#forget(chosen);
    return undefined;
  }

  #set(desc: Handle, attribute: number, value: number | bigint, size = 8): void {
    this.#out.view.setBigUint64(640, BigInt(value), true);
    this.#call("cublasLtMatmulDescSetAttribute", desc, attribute, this.#out.base + 640n, size);
  }

  #create(name: Name, ...args: (number | bigint)[]): Handle {
    this.#call(name, this.#out.base, ...args);
    return this.#out.view.getBigUint64(0, true);
  }

  #call(name: Name, ...args: (number | bigint)[]): void {
    const status = this.#status(name, ...args);
    if (status !== 0)
      throw new SpaAttnError("Unsupported", `${name} failed with status ${status} (${this.path}).`, {
        remedy: "Create the backend with `blas: false` to use its own matrix products.",
      });
  }

  #status(name: Name, ...args: (number | bigint)[]): number {
    let bound = this.#functions.get(name);
    if (!bound) {
      bound = this.library.func(name, "int", [...SIGNATURES[name]]) as unknown as typeof bound;
      this.#functions.set(name, bound as NonNullable<typeof bound>);
    }
    return (bound as NonNullable<typeof bound>)(...args);
  }
}

/** The library, where one is found and works; the context must be current. */
export function openCublasLt(given?: string): CublasLt | undefined {
  for (const path of cublasPaths(given)) {
    try {
      return new CublasLt(koffi.load(path), path);
    } catch (error) {
      if (given !== undefined)
        throw isSpaAttnError(error)
          ? error
          : new SpaAttnError("BackendUnavailable", `cuBLASLt could not be loaded from ${given}.`, {
              remedy: "Check options.blas, or leave it out.",
              cause: error,
            });
    }
  }
  return undefined;
}
