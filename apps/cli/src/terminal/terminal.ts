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
  #textStream: NodeJS.WriteStream | undefined;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor({ json, out = process.stdout, error = process.stderr, environment = process.env }: TerminalOptions) {
    this.json = json;
    this.#out = out;
    this.#error = error;
    this.#environment = environment;
  }

  /** Makes stdout free for a result that is no text (`-o -`): what would be printed there goes to stderr. */
  giveStdoutAway(): void {
    this.#textStream = this.#error;
  }

  /** One line of the result. */
  print(line = ""): void {
    (this.#textStream ?? this.#out).write(`${line}\n`);
  }

  /** JSON has no NaN: figures that are none are null, and a `state` beside them says so. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** A warning for the reader, on stderr; machines find it in the document. */
  warn(line: string): void {
    if (!this.json) this.note(`${this.style("yellow", "warning:")} ${line}`);
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
