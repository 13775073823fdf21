import { malformed } from "./malformed.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/**
 * Parses a JSON object and refuses what `JSON.parse` lets pass: duplicate keys (the last one would win silently) and
 * `__proto__` (which means something else in a record).
 */
export function parseJsonObject(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    malformed(what, `the header is not JSON (${(cause as Error).message})`, { cause });
  }
  if (!isRecord(value)) malformed(what, "the header is not a JSON object");
  checkKeys(text, what);
  return value;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Walks the tokens of valid JSON with one set of keys per open object. */
function checkKeys(text: string, what: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") addKey(open.at(-1) as Set<string>, JSON.parse(last) as string, what);
    last = token;
  }
}

function addKey(keys: Set<string>, key: string, what: string): void {
  if (key === "__proto__") malformed(what, 'the header uses the name "__proto__"', { remedy: "Rename that entry." });
  if (keys.has(key)) malformed(what, `the header names ${JSON.stringify(key)} twice`);
  keys.add(key);
}
