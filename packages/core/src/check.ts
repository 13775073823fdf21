// Words for error messages, and tests of plain values that hold across realms and copies of a package.

/**
 * How a wrong value is named in a message: as it would be written in code, short. Strings in quotes, so that `"0.5"` and
 * `0.5` differ; objects by their class or as JSON.
 */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `function ${value.name}` : "a function";
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (ArrayBuffer.isView(value)) return `${tag}(${(value as unknown as ArrayLike<number>).length ?? value.byteLength})`;
  if (!Array.isArray(value) && tag !== "Object") return tag;
  const name = Array.isArray(value) ? "Array" : (value.constructor?.name ?? "Object");
  if (name !== "Array" && name !== "Object") return name;
  try {
    // NaN and infinities would read null, functions would vanish.
    const shown = (_: string, x: unknown) =>
      (typeof x === "number" && !Number.isFinite(x)) || typeof x === "bigint" ? String(x) : (x ?? null);
    const text = JSON.stringify(value, shown);
    return text.length > 80 ? `${text.slice(0, 80)}…` : text;
  } catch {
    return `an ${name} that refers to itself`;
  }
}

/** Throws unless `value` is an object (not an array) and has no field but `known`: an option ignored costs an afternoon. */
export function checkFields(path: string, value: unknown, known: readonly string[]): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${path} must be an object, got ${describeValue(value)}`);
  for (const name of Object.keys(value))
    if (!known.includes(name)) throw new TypeError(`${path}.${name} is not known; ${path} has ${known.join(", ")}`);
}

/** Throws unless `value` is true, false or left out. */
export function checkFlag(path: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean")
    throw new TypeError(`${path} must be true or false, got ${describeValue(value)}`);
}

/** Throws unless `value` is left out or works as an `AbortSignal` (of any realm). */
export function checkSignal(path: string, value: unknown): void {
  const signal = value as AbortSignal | undefined;
  if (signal === undefined) return;
  if (typeof signal?.aborted !== "boolean" || typeof signal.addEventListener !== "function")
    throw new TypeError(`${path} must be an AbortSignal, got ${describeValue(value)}`);
}

/** Throws unless `value` is a function or left out. */
export function checkCallback(path: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw new TypeError(`${path} must be a function, got ${describeValue(value)}`);
}

/** Class of a typed array, array buffer or `Blob` by its tag, which is the same in every realm; undefined for others. */
export function binaryKind(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (ArrayBuffer.isView(value)) return tag;
  return /^(Shared)?ArrayBuffer$|^Blob$|^File$/.test(tag) ? tag : undefined;
}
