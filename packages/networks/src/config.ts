import { SpaAttnError } from "@spaattn/core";

/** A `config.json` as it stands. */
export type Config = Readonly<Record<string, unknown>>;

/**
 * Reads a configuration: a missing key takes the default of its class, a wrong one is named.
 *
 * Methods throw `SpaAttnError` MalformedFile.
 */
export class ConfigReader {
  /** @param what whose configuration it is, for error messages */
  constructor(
    readonly config: Config,
    readonly what: string,
  ) {}

  /** A positive integer. */
  size(key: string, fallback: number): number {
    const value = this.#get(key, fallback);
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
    return this.refuse(key, value, "a positive integer");
  }

  /** A positive integer, or none (null, or absent without default). */
  optionalSize(key: string): number | undefined {
    const value = this.config[key];
    return value === undefined || value === null ? undefined : this.size(key, 0);
  }

  number(key: string, fallback: number): number {
    const value = this.#get(key, fallback);
    return typeof value === "number" && Number.isFinite(value) ? value : this.refuse(key, value, "a number");
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#get(key, fallback);
    return typeof value === "boolean" ? value : this.refuse(key, value, "true or false");
  }

  list<T extends "number" | "boolean">(
    key: string,
    type: T,
    fallback: readonly (T extends "number" ? number : boolean)[],
  ): readonly (T extends "number" ? number : boolean)[] {
    const value = this.#get(key, fallback);
    if (Array.isArray(value) && value.every((item) => typeof item === type)) return value;
    return this.refuse(key, value, `a list of ${type}s`);
  }

  /** A setting of which one value is implemented. */
  expect(key: string, fallback: unknown, supported: readonly unknown[]): void {
    const value = this.#get(key, fallback);
    if (!supported.some((each) => JSON.stringify(each) === JSON.stringify(value)))
      throw new SpaAttnError("Unsupported", `${this.what}: ${key} ${JSON.stringify(value)} is not supported.`, {
        remedy: `Supported: ${supported.map((each) => JSON.stringify(each)).join(", ")}.`,
      });
  }

  refuse(key: string, value: unknown, expected: string): never {
    throw new SpaAttnError("MalformedFile", `${this.what}: ${key} must be ${expected}, got ${JSON.stringify(value)}`, {
      remedy: "Download the configuration again, or mend it.",
    });
  }

  #get(key: string, fallback: unknown): unknown {
    const value = this.config[key];
    return value === undefined ? fallback : value;
  }
}
