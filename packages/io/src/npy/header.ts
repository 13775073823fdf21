import { SpaAttnError } from "@spaattn/core";
import { malformed } from "@spaattn/weights";

/** What the header of a npy file says. */
export interface NpyHeader {
  /** Byte order, kind and bytes per element, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

const MOST_AXES = 64;

const TOKEN = /\s*(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|(\d{1,16})L?|([{}():,]))/y;

type Token = { text?: string; flag?: boolean; number?: number; mark?: string };

/** Splits the Python literal of a header into tokens. */
function tokenize(literal: string, what: string): Token[] {
  const tokens: Token[] = [];
  const text = literal.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) malformed(what, `the header cannot be understood at ${JSON.stringify(text.slice(at, at + 20))}`);
    const [, single, double, flag, number, mark] = match;
    if (mark !== undefined) tokens.push({ mark });
    else if (flag !== undefined) tokens.push({ flag: flag === "True" });
    else if (number !== undefined) tokens.push({ number: Number(number) });
    else tokens.push({ text: single ?? double });
  }
  return tokens;
}

/**
 * Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`: this dictionary and nothing else of Python.
 *
 * @throws SpaAttnError MalformedFile, or Unsupported for records
 */
export function parseNpyHeader(literal: string, what: string): NpyHeader {
  // A list of fields: a record array, which is no tensor but as good a file as any.
  if (/['"]descr['"]\s*:\s*\[/.test(literal))
    throw new SpaAttnError("Unsupported", `${what}: an array of records cannot be read as a tensor.`, {
      remedy: "Save one field of it: numpy.save(path, array['field']).",
    });
  const tokens = tokenize(literal, what);
  let at = 0;
  const fail = (): never => malformed(what, "the header is not the dictionary that npy files begin with");
  const takeMark = (mark: string): boolean => tokens[at]?.mark === mark && at++ >= 0;
  const expect = (mark: string) => takeMark(mark) || fail();
  const values = new Map<string, unknown>();

  expect("{");
  while (!takeMark("}")) {
    const key = tokens[at++]?.text;
    if (key === undefined || values.has(key)) fail();
    expect(":");
    values.set(key as string, takeMark("(") ? tuple() : (tokens[at]?.text ?? tokens[at]?.flag ?? fail()));
    if (!Array.isArray(values.get(key as string))) at++;
    if (!takeMark(",") && tokens[at]?.mark !== "}") fail();
  }
  if (at !== tokens.length) fail();

  function tuple(): number[] {
    const sizes: number[] = [];
    while (!takeMark(")")) {
      const size = tokens[at++]?.number;
      if (size === undefined || !Number.isSafeInteger(size)) fail();
      sizes.push(size as number);
      // One number in brackets is no tuple in Python: (3,) has the comma.
      if (!takeMark(",") && (tokens[at]?.mark !== ")" || sizes.length === 1)) fail();
    }
    return sizes;
  }

  const [descr, fortranOrder, shape] = ["descr", "fortran_order", "shape"].map((key) => values.get(key));
  if (values.size !== 3 || typeof descr !== "string" || typeof fortranOrder !== "boolean" || !Array.isArray(shape))
    fail();
  if ((shape as number[]).length > MOST_AXES)
    malformed(what, `an array of ${(shape as number[]).length} axes cannot be; numpy allows ${MOST_AXES}`);
  return { descr, fortranOrder, shape } as NpyHeader;
}
