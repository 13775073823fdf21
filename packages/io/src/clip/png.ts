import { encode } from "fast-png";

/** A picture: `data` is `[height, width, channels]` bytes with 1 (grey), 3 (RGB) or 4 (RGBA) channels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * A PNG file; the number of channels follows from the length of `data`. Works in browsers.
 *
 * @throws RangeError when the size and the data disagree.
 */
export function encodePng({ width, height, data }: Picture): Uint8Array {
  for (const [name, size] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`picture.${name} must be a positive integer, got ${size}`);
  const channels = data.length / (width * height);
  if (![1, 3, 4].includes(channels))
    throw new RangeError(`picture.data has ${data.length} bytes; ${width}x${height} pixels need 1, 3 or 4 bytes each`);
  return encode({ width, height, data, channels, depth: 8 });
}
