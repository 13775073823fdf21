import { malformed } from "@spaattn/weights";

const utf8 = new TextDecoder();

/**
 * SentencePiece's character map: replacements for sequences of UTF-8 bytes, in a double-array trie.
 *
 * A unit of the trie holds the label of the edge into it and the way to its children; behind a key lies the position of
 * its replacement, which ends with a zero byte.
 */
export class CharMap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;

  /** @throws SpaAttnError MalformedFile */
  constructor(bytes: Uint8Array, what: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = bytes.length >= 4 ? view.getUint32(0, true) : -1;
    if (length < 4 || length % 4 !== 0 || 4 + length > bytes.length) malformed(what, "the character map is damaged");
    this.#units = Uint32Array.from({ length: length / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#texts = bytes.subarray(4 + length);
  }

  /** Matches of beginnings of `bytes` from `start` on, the shortest first: how long they are, and what they become. */
  *matches(bytes: Uint8Array, start = 0): Generator<{ length: number; text: string }> {
    let at = offset(this.#units[0]);
    for (let i = start; i < bytes.length; i++) {
      at ^= bytes[i];
      const unit = this.#units[at];
      if (unit === undefined || (unit & 0x800000ff) !== bytes[i]) return;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) yield { length: i + 1 - start, text: this.#text(this.#units[at] & 0x7fffffff) };
    }
  }

  #text(position: number): string {
    const end = this.#texts.indexOf(0, position);
    return utf8.decode(this.#texts.subarray(position, end < 0 ? undefined : end));
  }
}

const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
