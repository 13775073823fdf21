/**
 * The moment all moving pictures show together, from 0 to 1.
 *
 * Canvases listen here and repaint themselves, so that a tick renders no templates.
 */
export class Playback {
  #share = 0;
  #playing = false;
  #last = 0;
  /** Seconds of one round. */
  seconds = 3;
  readonly #listeners = new Set<() => void>();

  get playing(): boolean {
    return this.#playing;
  }

  /** Which of `count` frames is shown. */
  frame(count: number): number {
    return Math.min(count - 1, Math.floor(this.#share * count));
  }

  play(): void {
    if (this.#playing) return;
    this.#playing = true;
    this.#last = performance.now();
    requestAnimationFrame(this.#tick);
    this.#tell();
  }

  pause(): void {
    this.#playing = false;
    this.#tell();
  }

  /** Pauses at the middle of frame `index` of `count`. */
  show(index: number, count: number): void {
    this.#share = (index + 0.5) / count;
    this.pause();
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tick = (now: number): void => {
    if (!this.#playing) return;
    this.#share = (this.#share + (now - this.#last) / 1000 / this.seconds) % 1;
    this.#last = now;
    this.#tell();
    requestAnimationFrame(this.#tick);
  };

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
