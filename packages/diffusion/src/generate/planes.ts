import type { Block } from "./tiles.js";

interface Size {
  readonly height: number;
  readonly width: number;
}

/** Planes of some frames out of `[channels, frames, plane]`. */
export function someFrames(
  values: Float32Array,
  channels: number,
  frames: number,
  from: number,
  count: number,
): Float32Array {
  const plane = values.length / (channels * frames);
  const out = new Float32Array(channels * count * plane);
  for (let channel = 0; channel < channels; channel++) {
    const at = (channel * frames + from) * plane;
    out.set(values.subarray(at, at + count * plane), channel * count * plane);
  }
  return out;
}

/** Rows and columns of `[..., height, width]`. */
export function cutPlanes(values: Float32Array, whole: Size, part: Size, y: number, x: number): Float32Array {
  const planes = values.length / (whole.height * whole.width);
  const out = new Float32Array(planes * part.height * part.width);
  for (let plane = 0; plane < planes; plane++)
    for (let row = 0; row < part.height; row++) {
      const from = (plane * whole.height + y + row) * whole.width + x;
      out.set(values.subarray(from, from + part.width), (plane * part.height + row) * part.width);
    }
  return out;
}

/** `[channels, ...]` to `[..., channels]`. */
export function channelsLast(planes: Float32Array, channels: number): Float32Array {
  const plane = planes.length / channels;
  const out = new Float32Array(planes.length);
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < plane; i++) out[i * channels + channel] = planes[channel * plane + i];
  return out;
}

/** `[..., channels]` into a part of `[channels, frames, height, width]`. */
export function putPlanes(
  { frames, height, width, channels, data }: Block,
  into: Float32Array,
  whole: Size,
  y: number,
  x: number,
): void {
  const plane = whole.height * whole.width;
  for (let i = 0; i < data.length; i++) {
    const cell = Math.floor(i / channels);
    const [column, row] = [cell % width, Math.floor(cell / width) % height];
    const frame = Math.floor(cell / (width * height));
    into[((i % channels) * frames + frame) * plane + (y + row) * whole.width + x + column] = data[i];
  }
}
