import type { Terminal } from "./terminal.js";

const WIDTH = 24;

/** A progress bar on a terminal, nothing elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream | undefined;
  #shown = "";
  #last = 0;

  constructor(terminal: Terminal) {
    this.#stream = terminal.progressStream;
  }

  /** Shows a share (0 to 1) of the work, and what is being done. */
  readonly update = (done: number, what: string): void => {
    if (!this.#stream) return;
    const now = performance.now();
    if (now - this.#last < 50 && done < 1) return;
    this.#last = now;
    const share = Math.min(1, Math.max(0, done));
    const filled = Math.round(share * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    const line = `${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${what}`.slice(
      0,
      (this.#stream.columns || 80) - 1,
    );
    if (line === this.#shown) return;
    this.#stream.write(`\r\x1b[2K${line}`);
    this.#shown = line;
  };

  /** Removes the bar; the next line of output stands in its place. */
  clear(): void {
    if (this.#stream && this.#shown) this.#stream.write("\r\x1b[2K");
    this.#shown = "";
  }
}
