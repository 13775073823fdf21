/** Factors of the outputs with and without the prompt in the guided output: they add up to one. */
export const guidanceFactors = (scale: number): { prompt: number; negative: number } => ({
  prompt: scale,
  negative: 1 - scale,
});

/** At 1 and below the second call of the model would count for nothing and is left out. */
export const needsNegative = (scale: number): boolean => scale > 1;

/** The guided output `negative + scale * (prompt - negative)`. */
export function guide(prompt: Float32Array, negative: Float32Array, scale: number): Float32Array {
  if (prompt.length !== negative.length)
    throw new RangeError(`outputs of ${prompt.length} and ${negative.length} numbers cannot be combined`);
  return prompt.map((value, i) => negative[i] + scale * (value - negative[i]));
}
