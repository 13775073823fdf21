import type { Piece } from "./sentencepiece-model.js";

/** An unknown character costs this much more than the worst piece. */
const UNKNOWN_PENALTY = 10;

/** Splits text into the pieces with the largest sum of scores (Viterbi's algorithm). */
export class Unigram {
  readonly #ids = new Map<string, number>();
  readonly #scores: Float32Array;
  readonly #longest: number;
  readonly #unknown: number;
  readonly #unknownScore: number;
  /** Ids of the 256 bytes, where unknown characters are spelt with them. */
  readonly #bytes: readonly number[];

  constructor(pieces: readonly Piece[]) {
    const scores = pieces.filter(({ kind }) => kind === "normal").map(({ score }) => score);
    const best = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    this.#unknownScore = scores.reduce((a, b) => Math.min(a, b), 0) - UNKNOWN_PENALTY;
    this.#unknown = pieces.findIndex(({ kind }) => kind === "unknown");
    // Pieces of the user's own win over any split.
    this.#scores = Float32Array.from(pieces, ({ text, score, kind }) =>
      kind === "user" ? Array.from(text).length * best - 0.1 : score,
    );
    let longest = 1;
    const bytes: number[] = [];
    pieces.forEach(({ text, kind }, id) => {
      if (kind === "byte") bytes[Number.parseInt(text.slice(3, 5), 16)] = id;
      if (kind !== "normal" && kind !== "user") return;
      this.#ids.set(text, id);
      longest = Math.max(longest, text.length);
    });
    this.#longest = longest;
    this.#bytes = bytes;
  }

  /** The ids of the pieces; neighbouring unknown characters are one. */
  encode(text: string): number[] {
    const { from, ids } = this.#bestPaths(text);
    const backwards: [begin: number, end: number][] = [];
    for (let end = text.length; end > 0; end = from[end]) backwards.push([from[end], end]);
    const out: number[] = [];
    for (const [begin, end] of backwards.reverse()) {
      if (ids[end] !== this.#unknown) out.push(ids[end]);
      else if (this.#bytes.length === 256)
        for (const byte of new TextEncoder().encode(text.slice(begin, end))) out.push(this.#bytes[byte]);
      else if (out.at(-1) !== this.#unknown) out.push(this.#unknown);
    }
    return out;
  }

  /** For every position the beginning and the id of the piece that ends there on the best way. */
  #bestPaths(text: string): { from: Int32Array; ids: Int32Array } {
    const score = new Float64Array(text.length + 1).fill(Number.NEGATIVE_INFINITY);
    score[0] = 0;
    const from = new Int32Array(text.length + 1);
    const ids = new Int32Array(text.length + 1);
    const offer = (begin: number, end: number, id: number, cost: number) => {
      if (score[begin] + cost <= score[end]) return;
      score[end] = score[begin] + cost;
      from[end] = begin;
      ids[end] = id;
    };
    for (let begin = 0; begin < text.length; ) {
      const width = (text.codePointAt(begin) as number) > 0xffff ? 2 : 1;
      let known = false;
      for (let end = begin + width; end <= Math.min(text.length, begin + this.#longest); end++) {
        const id = this.#ids.get(text.slice(begin, end));
        if (id === undefined) continue;
        known ||= end === begin + width;
        offer(begin, end, id, this.#scores[id]);
      }
      if (!known) offer(begin, begin + width, this.#unknown, this.#unknownScore);
      begin += width;
    }
    return { from, ids };
  }
}
