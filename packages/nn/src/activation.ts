/** Activations by the names diffusion models use (formulas: docs/networks.md, shared building blocks). */
export type Activation = "none" | "gelu-tanh" | "gelu-erf" | "quick-gelu" | "silu" | "relu" | "tanh";

export const ACTIVATIONS: readonly Activation[] = [
  "none",
  "gelu-tanh",
  "gelu-erf",
  "quick-gelu",
  "silu",
  "relu",
  "tanh",
];

/** The error function to double precision (series below 2.5, continued fraction above). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

/** The truth every device is compared with. */
export function activate(kind: Activation, x: number): number {
  switch (kind) {
    case "none":
      return x;
    case "gelu-tanh":
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case "gelu-erf":
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "quick-gelu":
      return x / (1 + Math.exp(-1.702 * x));
    case "silu":
      return x / (1 + Math.exp(-x));
    case "relu":
      return Math.max(x, 0);
    case "tanh":
      return Math.tanh(x);
  }
}
