import { bf16ToNumber, f32ToBf16Bits } from "@spaattn/core";
import { MT19937 } from "./mt19937.js";

/** Below this many numbers torch draws in double precision, one pair at a time. */
const VECTOR = 16;

type Round = (value: number) => number;

const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

function toBf16(value: number): number {
  word[0] = value;
  return bf16ToNumber(f32ToBf16Bits(bits[0]));
}

/** Bits of a uniform number, and how intermediate results are rounded. In f32 the store into the array does it. */
const PRECISION: Readonly<Record<"f32" | "bf16", { bits: number; round: Round }>> = {
  f32: { bits: 24, round: (value) => value },
  bf16: { bits: 8, round: toBf16 },
};

/**
 * Normal numbers as `torch.randn` gives them on the CPU, from `torch.Generator("cpu").manual_seed(seed)`.
 *
 * One instance is one generator: numbers go on where the last call stopped. Other devices of torch have other numbers.
 */
export class TorchRandom {
  readonly #bits: MT19937;
  /** The second number of a pair that was drawn for one. */
  #spare: number | undefined;

  /**
   * @param seed an integer; its low 32 bits count, as in torch
   * @throws RangeError when it is none
   */
  constructor(seed: number | bigint) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed))
      throw new RangeError(`seed must be an integer, got ${seed}`);
    this.#bits = new MT19937(Number(BigInt.asUintN(32, BigInt(seed))));
  }

  /**
   * `count` numbers, row-major over whatever shape they have.
   *
   * @param dtype what torch is asked for: in bf16 it draws other numbers, with 8 bits each and every step rounded
   */
  normal(count: number, dtype: "f32" | "bf16" = "f32"): Float32Array {
    if (!(Number.isSafeInteger(count) && count >= 0))
      throw new RangeError(`count must be a non-negative integer, got ${count}`);
    const out = new Float32Array(count);
    const { bits, round } = PRECISION[dtype];
    if (count >= VECTOR) this.#fill(out, bits, round);
    else for (let i = 0; i < count; i++) out[i] = round(this.#single());
    return out;
  }

  #fill(out: Float32Array, bits: number, round: Round): void {
    for (let i = 0; i < out.length; i++) out[i] = this.#uniform(bits);
    for (let at = 0; at + VECTOR <= out.length; at += VECTOR) transform(out.subarray(at, at + VECTOR), round);
    if (out.length % VECTOR === 0) return;
    // Torch draws the last sixteen afresh, over some that were done already.
    const last = out.subarray(out.length - VECTOR);
    for (let i = 0; i < VECTOR; i++) last[i] = this.#uniform(bits);
    transform(last, round);
  }

  /** The low bits of one draw, as a fraction. */
  #uniform(bits: number): number {
    return (this.#bits.next() & (2 ** bits - 1)) / 2 ** bits;
  }

  #single(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.#uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniform53()));
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Two draws, the first the high half; the low 53 bits count. */
  #uniform53(): number {
    const high = this.#bits.next() & 0x1fffff;
    return (high * 2 ** 32 + this.#bits.next()) / 2 ** 53;
  }
}

/** Box and Muller's transform: eight uniform numbers and eight more become sixteen normal ones. */
function transform(x: Float32Array, round: Round): void {
  for (let j = 0; j < 8; j++) {
    const radius = round(Math.sqrt(round(-2 * round(Math.log(1 - x[j])))));
    const angle = round(2 * Math.PI * x[j + 8]);
    x[j] = round(radius * round(Math.cos(angle)));
    x[j + 8] = round(radius * round(Math.sin(angle)));
  }
}
