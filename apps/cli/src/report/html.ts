/** Markup that may stand in a page as it is. */
export class Html {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

type Part = Html | string | number | undefined | false | readonly Part[];

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

// A number and its unit stay on one line.
const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ESCAPES[character]).replaceAll(" %", "\u00a0%");

function toText(part: Part): string {
  if (part === undefined || part === false) return "";
  if (part instanceof Html) return part.text;
  return Array.isArray(part) ? part.map(toText).join("") : escaped(String(part));
}

/** A template whose values are escaped, except markup made by `html` itself. */
export const html = (strings: TemplateStringsArray, ...values: readonly Part[]): Html =>
  new Html(strings.reduce((text, piece, i) => text + toText(values[i - 1]) + piece));

/** Markup from a trusted constant, such as a style sheet. */
export const raw = (text: string): Html => new Html(text);

/** Content wider than a phone, in a box that scrolls, also with the keyboard. */
export const scrolling = (label: string, content: Html): Html =>
  html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
