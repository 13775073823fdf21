import { Tokenizer } from "@huggingface/tokenizers";
import { SpaAttnError } from "@spaattn/core";
import { type Folder, malformed, readFile, readJson } from "@spaattn/weights";
import { mendNormalizer } from "./precompiled.js";
import { SentencePiece } from "./sentencepiece.js";
import { readSentencePiece } from "./sentencepiece-model.js";
import type { TextTokenizer } from "./tokenizer.js";

/** T5's special tokens, where there is no file that says so. */
const T5_END = 1;
const T5_PAD = 0;

/**
 * Loads the tokenizer of a pipeline: `tokenizer.json`, or `spiece.model` where there is none.
 *
 * @param path the sub-folder, `tokenizer` say
 * @throws SpaAttnError FileAccess where there is neither, MalformedFile.
 */
export async function loadTokenizer(folder: Folder, path: string): Promise<TextTokenizer> {
  const whole = await readJson(folder, `${path}/tokenizer.json`);
  if (whole) {
    const config = (await readJson(folder, `${path}/tokenizer_config.json`)) ?? {};
    return fromJson(whole, config, `${folder.name}/${path}/tokenizer.json`);
  }
  const spiece = await readFile(folder, `${path}/spiece.model`);
  if (spiece) return fromSentencePiece(spiece, `${folder.name}/${path}/spiece.model`);
  throw new SpaAttnError("FileAccess", `${folder.name}/${path}: there is no tokenizer.`, {
    remedy: "Looked for tokenizer.json and spiece.model.",
  });
}

type Json = Readonly<Record<string, unknown>>;

function fromJson(whole: Json, config: Json, what: string): TextTokenizer {
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(whole, config);
  } catch (cause) {
    malformed(what, `the tokenizer cannot be made (${(cause as Error).message})`, { cause });
  }
  mendNormalizer(tokenizer, what);
  const encode = (text: string) => tokenizer.encode(text).ids;
  return { padId: padId(tokenizer, config), closing: closing(encode), encode };
}

function padId(tokenizer: Tokenizer, { pad_token: pad }: Json): number {
  const name = typeof pad === "string" ? pad : (pad as { content?: string } | undefined)?.content;
  const added = [...tokenizer.get_added_tokens_decoder()].find(([, { content }]) => content === (name ?? "<pad>"));
  return added?.[0] ?? tokenizer.token_to_id(name ?? "<pad>") ?? 0;
}

/** How many ids at the end belong to no text: those an empty and another text have in common there. */
function closing(encode: (text: string) => number[]): number {
  const empty = encode("");
  const other = encode("a");
  let count = 0;
  while (count < empty.length && count < other.length && empty.at(-1 - count) === other.at(-1 - count)) count++;
  return count;
}

function fromSentencePiece(bytes: Uint8Array, what: string): TextTokenizer {
  const pieces = new SentencePiece(readSentencePiece(bytes, what));
  return { padId: T5_PAD, closing: 1, encode: (text) => [...pieces.encode(text), T5_END] };
}
