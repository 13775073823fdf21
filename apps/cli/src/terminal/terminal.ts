import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

export interface TerminalOptions {
  readonly json: boolean;
  readonly out?: NodeJS.WriteStream;
  readonly error?: NodeJS.WriteStream;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Where a command writes: results to stdout, everything said about them to stderr. */
export class Terminal {
  readonly json: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #error: NodeJS.WriteStream;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor({ json, out = process.stdout, error = process.stderr, environment = process.env }: TerminalOptions) {
    this.json = json;
    this.#out = out;
    this.#error = error;
    this.#environment = environment;
  }

  /** One line of the result. */
  print(line = ""): void {
    this.#out.write(`${line}\n`);
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** One line for the reader, not part of the result. */
  note(line: string): void {
    this.#error.write(`${line}\n`);
  }

  /** Text in a style, where the result goes to a terminal with colours (https://no-color.org). */
  style(style: Style, text: string): string {
    return this.#out.isTTY && this.#error.isTTY && !this.#environment.NO_COLOR && this.#environment.TERM !== "dumb"
      ? styleText(style, text, { validateStream: false })
      : text;
  }

  /** The stream for a progress bar; undefined where nobody watches. */
  get progressStream(): NodeJS.WriteStream | undefined {
    return this.#error.isTTY && this.#environment.TERM !== "dumb" ? this.#error : undefined;
  }
}
