import { malformed } from "@spaattn/weights";
import { CharMap } from "./char-map.js";
import { protobufFields } from "./protobuf.js";

export type PieceKind = "normal" | "unknown" | "control" | "user" | "unused" | "byte";

export interface Piece {
  readonly text: string;
  readonly score: number;
  readonly kind: PieceKind;
}

/** What a `spiece.model` holds, as far as a unigram tokenizer needs it. */
export interface SentencePieceModel {
  /** The index of a piece is its id. */
  readonly pieces: readonly Piece[];
  readonly map: CharMap | undefined;
  readonly addPrefix: boolean;
  readonly trimSpaces: boolean;
  readonly markSpaces: boolean;
}

const KINDS: Readonly<Record<number, PieceKind>> = {
  1: "normal",
  2: "unknown",
  3: "control",
  4: "user",
  5: "unused",
  6: "byte",
};

const utf8 = new TextDecoder();

/** @throws SpaAttnError MalformedFile */
export function readSentencePiece(bytes: Uint8Array, what: string): SentencePieceModel {
  const pieces: Piece[] = [];
  let normalizer: Uint8Array = new Uint8Array(0);
  for (const { number, value } of protobufFields(bytes, what)) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 1) pieces.push(readPiece(value, what));
    else if (number === 3) normalizer = value;
  }
  if (pieces.length === 0) malformed(what, "it has no pieces; this is no SentencePiece model");
  if (!pieces.some(({ kind }) => kind === "unknown")) malformed(what, "it has no piece for what is unknown");
  return { pieces, ...readNormalizer(normalizer, what) };
}

function readPiece(bytes: Uint8Array, what: string): Piece {
  let [text, score, kind]: [string, number, PieceKind] = ["", 0, "normal"];
  for (const { number, value } of protobufFields(bytes, what)) {
    if (number === 1 && value instanceof Uint8Array) text = utf8.decode(value);
    else if (number === 2 && value instanceof Uint8Array && value.length === 4)
      score = new DataView(value.buffer, value.byteOffset, 4).getFloat32(0, true);
    else if (number === 3 && typeof value === "number")
      kind = KINDS[value] ?? malformed(what, `piece ${JSON.stringify(text)} has the unknown kind ${value}`);
  }
  return { text, score, kind };
}

function readNormalizer(bytes: Uint8Array, what: string) {
  let map: CharMap | undefined;
  const flags = new Map<number, boolean>();
  for (const { number, value } of protobufFields(bytes, what)) {
    if (number === 2 && value instanceof Uint8Array && value.length > 0) map = new CharMap(value, what);
    else if (typeof value === "number") flags.set(number, value !== 0);
  }
  const flag = (number: number) => flags.get(number) ?? true;
  return { map, addPrefix: flag(3), trimSpaces: flag(4), markSpaces: flag(5) };
}
