/** Text to token ids, special tokens included. */
export interface TextTokenizer {
  /** What short texts are filled up with. */
  readonly padId: number;
  /** Special tokens at the end of every text, which truncation keeps. */
  readonly closing: number;
  encode(text: string): number[];
}

/** Tokens of one text, cut off or filled up to a length. */
export interface PaddedTokens {
  readonly ids: Int32Array;
  /** Ones, then zeros where there is padding. */
  readonly mask: Uint8Array;
  /** Tokens of the text that were cut off. */
  readonly dropped: number;
}

/** @throws RangeError for a length without room for the special tokens */
export function encodePadded(tokenizer: TextTokenizer, text: string, length: number): PaddedTokens {
  const { padId, closing } = tokenizer;
  if (!(Number.isSafeInteger(length) && length > closing))
    throw new RangeError(`length must be an integer above ${closing}, got ${length}`);
  const all = tokenizer.encode(text);
  const dropped = Math.max(0, all.length - length);
  const kept = dropped === 0 ? all : [...all.slice(0, length - closing), ...all.slice(all.length - closing)];
  const ids = new Int32Array(length).fill(padId);
  ids.set(kept);
  return { ids, mask: new Uint8Array(length).fill(1, 0, kept.length), dropped };
}
