import type { CudaDriver, Handle } from "./driver/driver.js";

/**
 * Orders the backend's own stream and the streams of the caller, on the device: nobody waits on the host.
 *
 * Whatever is recorded on a stream of the caller comes after all that the own stream was given before. Memory that is freed
 * while such a stream may still use it is kept until its work is done (`busy`).
 */
export class Streams {
  /** The end of our latest work on every stream of the caller that may not be done. */
  readonly #foreign = new Map<Handle, Handle>();
  readonly #spare: Handle[] = [];
  readonly #turns = new Set<Turn>();

  constructor(
    readonly driver: CudaDriver,
    readonly own: Handle,
  ) {}

  /** Submits what `body` launches to `stream`, after the work of `turn` before it. */
  submit(stream: Handle, turn: Turn, body: () => void): void {
    // Events from outside must not enter a graph: who captures a stream orders it himself.
    if (stream !== this.own && this.driver.isCapturing(stream)) {
      body();
      return;
    }
    if (stream !== this.own) this.#after(stream, this.own);
    if (turn.event !== undefined && turn.stream !== stream) this.driver.waitEvent(stream, turn.event);
    try {
      body();
    } finally {
      turn.event ??= this.#event();
      turn.stream = stream;
      this.#turns.add(turn);
      this.driver.recordEvent(turn.event, stream);
      if (stream !== this.own) this.#mark(stream);
    }
  }

  /** The ends of the work on streams of the caller that is not done yet. */
  busy(): Handle[] {
    const events: Handle[] = [];
    for (const [stream, event] of this.#foreign)
      if (this.driver.eventDone(event)) {
        this.#foreign.delete(stream);
        this.#spare.push(event);
      } else events.push(event);
    return events;
  }

  /** Forgets the last user of memory that is given up. */
  forget(turn: Turn): void {
    if (turn.event !== undefined && this.#turns.delete(turn)) this.#spare.push(turn.event);
    turn.event = undefined;
  }

  dispose(): void {
    for (const turn of this.#turns) this.forget(turn);
    for (const event of [...this.#spare, ...this.#foreign.values()]) this.driver.destroyEvent(event);
    this.#foreign.clear();
    this.#spare.length = 0;
  }

  #after(stream: Handle, first: Handle): void {
    const event = this.#event();
    this.driver.recordEvent(event, first);
    this.driver.waitEvent(stream, event);
    this.#spare.push(event);
  }

  #mark(stream: Handle): void {
    const event = this.#foreign.get(stream) ?? this.#event();
    this.driver.recordEvent(event, stream);
    this.#foreign.set(stream, event);
  }

  #event(): Handle {
    return this.#spare.pop() ?? this.driver.createEvent();
  }
}

/** Who used a piece of memory last: the next user waits for it, on the device. */
export class Turn {
  stream: Handle | undefined;
  event: Handle | undefined;
}
