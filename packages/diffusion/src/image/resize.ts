/** RGB bytes, row by row. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export type ResizeFilter = "bicubic" | "lanczos";

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const FILTERS: Readonly<Record<ResizeFilter, { support: number; weight: (x: number) => number }>> = {
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic with a = -1/2. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Whose bytes to give. Both use fixed-point weights: Pillow with 22 bits after the point, torchvision with as many as 16
 * bits in all leave room for.
 */
export type ResizeLibrary = "pillow" | "torchvision";

/** For every output pixel: the first input pixel, and the weights from it on, with `bits` after the point. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: readonly Int32Array[];
  readonly bits: number;
}

function taps(from: number, to: number, filter: ResizeFilter, library: ResizeLibrary): Taps {
  const { support, weight } = FILTERS[filter];
  const scale = from / to;
  // Shrinking widens the filter: every input pixel counts.
  const widen = Math.max(scale, 1);
  const reach = support * widen;
  const first = new Int32Array(to);
  const exact = Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(from, Math.trunc(center + reach + 0.5));
    const values = Array.from({ length: end - first[i] }, (_, j) => weight((first[i] + j + 0.5 - center) / widen));
    const sum = values.reduce((a, b) => a + b, 0);
    return values.map((value) => value / sum);
  });
  const bits = library === "pillow" ? 22 : bitsFor(exact.reduce((most, line) => Math.max(most, ...line), 0));
  return { first, weights: exact.map((line) => Int32Array.from(line, (value) => fixed(value, bits))), bits };
}

const fixed = (value: number, bits: number): number => Math.trunc(value * 2 ** bits + (value < 0 ? -0.5 : 0.5));

/** Bits after the point with which the largest weight still fits into 16 bits. */
function bitsFor(largest: number): number {
  let bits = 0;
  while (bits < 22 && fixed(largest, bits + 1) < 2 ** 15) bits++;
  return bits;
}

/**
 * Resizes with antialiasing, byte for byte as Pillow (or torchvision) does: rows first, rounded to bytes, then columns.
 *
 * @throws RangeError for sizes that are none, or data of another length
 */
export function resize(
  image: RgbImage,
  width: number,
  height: number,
  filter: ResizeFilter,
  library: ResizeLibrary = "pillow",
): RgbImage {
  checkImage(image);
  for (const [name, value] of Object.entries({ width, height }))
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new RangeError(`${name} must be a positive integer, got ${value}`);
  const wide = image.width === width ? image : along(image, taps(image.width, width, filter, library), "x");
  return wide.height === height ? wide : along(wide, taps(image.height, height, filter, library), "y");
}

function along(image: RgbImage, { first, weights, bits }: Taps, axis: "x" | "y"): RgbImage {
  const horizontal = axis === "x";
  const size = first.length;
  const [width, height] = horizontal ? [size, image.height] : [image.width, size];
  const data = new Uint8Array(width * height * 3);
  // Bytes from one input pixel of the sum to the next.
  const stride = horizontal ? 3 : image.width * 3;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [place, other] = horizontal ? [x, y * image.width * 3] : [y, x * 3];
      const line = weights[place];
      for (let channel = 0; channel < 3; channel++) {
        let sum = 1 << (bits - 1);
        let at = other + first[place] * stride + channel;
        for (let j = 0; j < line.length; j++, at += stride) sum += line[j] * image.data[at];
        data[(y * width + x) * 3 + channel] = Math.min(255, Math.max(0, sum >> bits));
      }
    }
  return { width, height, data };
}

/** @throws RangeError when size and data disagree */
export function checkImage({ width, height, data }: RgbImage): void {
  if (!(Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0))
    throw new RangeError(`an image must have a positive size, got ${width} x ${height}`);
  if (data.length !== width * height * 3)
    throw new RangeError(`an image of ${width} x ${height} takes ${width * height * 3} bytes, got ${data.length}`);
}
