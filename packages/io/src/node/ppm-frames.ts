import { checkBytes, checkPixels } from "../clip/limits.js";

const HEADER = /^P6\s+(\d+)\s+(\d+)\s+255\s/;

/** Longest header ffmpeg writes in front of a frame. */
const MOST_HEADER_BYTES = 64;

/** Collects frames from a stream of PPM pictures (`P6 width height 255`, then RGB bytes), whatever its pieces. */
export class PpmFrames {
  #width = 0;
  #height = 0;
  readonly #frames: Uint8Array[] = [];
  /** Bytes still missing of the last frame. */
  #missing = 0;
  #head = new Uint8Array(0);
  #more = false;

  /**
   * @param what names the video in messages
   * @param most frames to keep; a further one only tells that there are more
   */
  constructor(
    readonly what = "the video",
    readonly most = Number.POSITIVE_INFINITY,
  ) {}

  /** True when the stream held more frames than were to be kept. */
  get more(): boolean {
    return this.#more;
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#missing > 0 ? this.#pixels(rest) : this.#header(rest);
  }

  /** All frames in one array; a frame that was cut off is left out. */
  finish(): { width: number; height: number; count: number; data: Uint8Array } {
    if (this.#missing > 0 && !this.#more) this.#frames.pop();
    const bytes = this.#width * this.#height * 3;
    const data = new Uint8Array(bytes * this.#frames.length);
    this.#frames.forEach((frame, i) => {
      data.set(frame, i * bytes);
    });
    return { width: this.#width, height: this.#height, count: this.#frames.length, data };
  }

  #pixels(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, this.#missing);
    const frame = this.#frames.at(-1) as Uint8Array;
    if (!this.#more) frame.set(part, frame.length - this.#missing);
    this.#missing -= part.length;
    return chunk.subarray(part.length);
  }

  #header(chunk: Uint8Array): Uint8Array {
    const before = this.#head.length;
    const head = new Uint8Array(before + Math.min(chunk.length, MOST_HEADER_BYTES));
    head.set(this.#head);
    head.set(chunk.subarray(0, head.length - before), before);
    const match = HEADER.exec(String.fromCharCode(...head));
    if (!match) {
      if (head.length > MOST_HEADER_BYTES) throw new Error("ffmpeg sent something else than frames");
      this.#head = head;
      return chunk.subarray(head.length - before);
    }
    const [width, height] = [Number(match[1]), Number(match[2])];
    if (this.#frames.length > 0 && (width !== this.#width || height !== this.#height))
      throw new Error("the size of the video changes in the middle");
    this.#width = width;
    this.#height = height;
    this.#missing = width * height * 3;
    this.#more ||= this.#frames.length === this.most;
    if (!this.#more) {
      checkPixels(this.what, width, height);
      checkBytes(this.what, this.#frames.length + 1, width, height);
      this.#frames.push(new Uint8Array(this.#missing));
    }
    this.#head = new Uint8Array(0);
    return chunk.subarray(match[0].length - before);
  }
}
