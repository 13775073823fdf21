import { malformed } from "./malformed.js";

/** Headers nest three levels; JSON that nests deeper than this is refused unparsed. */
const MOST_LEVELS = 32;

/** An object with its names in the order of the text: JavaScript puts names that look like numbers first. */
export interface OrderedObject {
  readonly value: Record<string, unknown>;
  readonly names: readonly string[];
}

/**
 * Parses a JSON object and refuses what `JSON.parse` lets pass: duplicate keys (the last one would win silently) and
 * `__proto__` (which means something else in a record).
 *
 * @param what the file, for error messages
 * @param part what the text is in that file
 */
export function parseJsonObject(text: string, what: string, part = "the header"): OrderedObject {
  const names = checkKeys(text, what, part);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    malformed(what, `${part} is not JSON (${(cause as Error).message})`, { cause });
  }
  if (!isRecord(value)) malformed(what, `${part} is not a JSON object`);
  return { value, names };
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Walks over the text with one set of keys per open object; leaves errors of syntax to the parser. The outermost keys. */
function checkKeys(text: string, what: string, part: string): string[] {
  const open: (Set<string> | undefined)[] = [];
  let outermost: Set<string> | undefined;
  let last = "";
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const end = closingQuote(text, at + 1);
        last = text.slice(at, end + 1);
        at = end;
        break;
      }
      case "{":
      case "[":
        open.push(text[at] === "{" ? new Set() : undefined);
        outermost ??= open[0];
        if (open.length > MOST_LEVELS) malformed(what, `${part} nests deeper than ${MOST_LEVELS} levels`);
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ":": {
        const keys = open.at(-1);
        if (keys) addKey(keys, last, what, part);
      }
    }
  }
  return [...(outermost ?? [])];
}

/** Position of the quote that ends a string; the end of the text where there is none. */
function closingQuote(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function addKey(keys: Set<string>, literal: string, what: string, part: string): void {
  const key = literal.includes("\\") ? decodeString(literal) : literal.slice(1, -1);
  if (key === "__proto__") malformed(what, `${part} uses the name "__proto__"`, { remedy: "Rename that entry." });
  if (keys.has(key)) malformed(what, `${part} names ${JSON.stringify(key)} twice`);
  keys.add(key);
}

/** A string with escapes as it is meant; as it stands where its escapes are wrong, which the parser will say. */
function decodeString(literal: string): string {
  try {
    return JSON.parse(literal);
  } catch {
    return literal;
  }
}
