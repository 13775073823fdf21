/** What a model's latents impose on sizes. */
export interface SizeRule {
  /** Width and height are multiples of this: pixels per latent times latents per token. */
  readonly multiple: number;
  /** Frames are one more than a multiple of this. */
  readonly framesPerLatent: number;
}

export interface VideoSize {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** The multiples (plus `offset`) on both sides of a value, where they are positive; as the end of a sentence. */
function nearest(value: number, multiple: number, offset: number): string {
  const below = Math.floor((value - offset) / multiple) * multiple + offset;
  const sizes = [below, below + multiple].filter((size) => size > 0);
  return Number.isSafeInteger(below) ? ` (nearest: ${sizes.join(", ")})` : "";
}

/**
 * @throws RangeError that names the nearest sizes the model can do
 */
export function checkVideoSize(size: VideoSize, { multiple, framesPerLatent }: SizeRule): void {
  for (const name of ["width", "height"] as const) {
    const value = size[name];
    if (!(Number.isSafeInteger(value) && value > 0 && value % multiple === 0))
      throw new RangeError(
        `${name} must be a multiple of ${multiple}, got ${value}${nearest(Math.max(value, 1), multiple, 0)}`,
      );
  }
  const { frames } = size;
  if (!(Number.isSafeInteger(frames) && frames > 0 && (frames - 1) % framesPerLatent === 0))
    throw new RangeError(
      `frames must be 1 plus a multiple of ${framesPerLatent}, got ${frames}${nearest(Math.max(frames, 1), framesPerLatent, 1)}`,
    );
}

/**
 * The size of a video that begins with an image: its shape, about `area` pixels, rounded down to the multiple.
 *
 * @throws RangeError where one side would vanish
 */
export function sizeForImage(
  image: { readonly width: number; readonly height: number },
  area: number,
  multiple: number,
): { width: number; height: number } {
  const side = (ratio: number) => Math.floor(roundHalfEven(Math.sqrt(area * ratio)) / multiple) * multiple;
  const size = { width: side(image.width / image.height), height: side(image.height / image.width) };
  if (!(size.width > 0 && size.height > 0))
    throw new RangeError(`an image of ${image.width} x ${image.height} is too narrow for a video of ${area} pixels`);
  return size;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
}
