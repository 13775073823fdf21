import { unescapeHtml } from "./unescape-html.js";
import { windows1252 } from "./windows-1252.js";

/** Two letters in one character, of which Unicode says that they are two. */
const LIGATURES = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;
/** Letters as wide or as narrow as those of East Asian scripts. */
const WIDTHS = /[\u3000\uff01-\uffef]/g;
const SINGLE_QUOTES = /[\u02bc\u2018-\u201b]/g;
const DOUBLE_QUOTES = /[\u201c-\u201f]/g;
const LINE_BREAKS = /\r\n|[\r\u2028\u2029\u0085]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const TERMINAL = /\x1b\[(?:\d|;)*[a-zA-Z]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROLS = /[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;
// Bytes of Windows that were taken for Latin-1.
const C1 = /[\x80-\x9f]/g;

/**
 * The part of the Python package ftfy that ordinary prompts meet: straight quotes, ligatures and full-width letters
 * taken apart, uniform line breaks, no control characters, NFC.
 *
 * Text in a wrong encoding ("Ã©") is not repaired: a prompt is typed, not decoded.
 */
export function fixText(text: string): string {
  const plain = text.includes("<") ? text : text.replace(/&#?[0-9A-Za-z]{1,24};/g, unescapeHtml);
  return plain
    .replace(C1, (char) => windows1252(char.charCodeAt(0)))
    .replace(LIGATURES, (char) => (char === "\ufb05" ? "\u017ft" : char.normalize("NFKC")))
    .replace(WIDTHS, (char) => char.normalize("NFKC"))
    .replace(SINGLE_QUOTES, "'")
    .replace(DOUBLE_QUOTES, '"')
    .replace(LINE_BREAKS, "\n")
    .replace(TERMINAL, "")
    .replace(CONTROLS, "")
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .normalize("NFC");
}
