import { fixText } from "./fix-text.js";
import { unescapeHtml } from "./unescape-html.js";

/** White space as Python sees it, which is what the models were trained behind. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: separators count as white space there
const WHITE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

/**
 * A prompt as Wan's pipelines give it to the tokenizer: characters put in order (see `fixText`), HTML unescaped twice,
 * white space collapsed.
 *
 * @throws TypeError when it is no text
 */
export function cleanPrompt(prompt: string): string {
  if (typeof prompt !== "string") throw new TypeError(`prompt must be a string, got ${typeof prompt}`);
  return unescapeHtml(unescapeHtml(fixText(prompt)))
    .replace(WHITE, " ")
    .replace(/^ | $/g, "");
}
