import type { SentencePieceModel } from "./sentencepiece-model.js";
import { Unigram } from "./unigram.js";

const MARK = "\u2581";

/** Encodes as the SentencePiece library does: no added tokens, special names are ordinary text. */
export class SentencePiece {
  readonly #model: SentencePieceModel;
  readonly #unigram: Unigram;

  constructor(model: SentencePieceModel) {
    this.#model = model;
    this.#unigram = new Unigram(model.pieces);
  }

  encode(text: string): number[] {
    return this.#unigram.encode(this.#normalize(text));
  }

  #normalize(text: string): string {
    const { addPrefix, trimSpaces, markSpaces } = this.#model;
    let mapped = this.#mapped(text);
    if (trimSpaces) mapped = mapped.replace(/ +/g, " ").replace(/^ | $/g, "");
    if (mapped !== "" && addPrefix) mapped = ` ${mapped}`;
    return markSpaces ? mapped.replaceAll(" ", MARK) : mapped;
  }

  /** Replaces the longest match of the character map at every position. */
  #mapped(text: string): string {
    const { map } = this.#model;
    if (!map) return text;
    const bytes = new TextEncoder().encode(text);
    let out = "";
    let at = 0;
    // Texts advance by code units, bytes by what the characters take.
    for (let position = 0; at < bytes.length; ) {
      let longest: { length: number; text: string } | undefined;
      for (const match of map.matches(bytes, at)) longest = match;
      const end = at + (longest?.length ?? 1);
      let taken = "";
      while (at < end) {
        const char = String.fromCodePoint(text.codePointAt(position) as number);
        taken += char;
        position += char.length;
        at += byteCount(char);
      }
      out += longest?.text ?? taken;
    }
    return out;
  }
}

function byteCount(char: string): number {
  const code = char.codePointAt(0) as number;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
