import type { Activation } from "@spaattn/nn";

/** One over one plus e^-x; exact at both ends, since e^-x may be infinite. */
const SIGMOID = "fn sigmoid(x: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-x)); }";

/** Bodies of `act(x: vec4f) -> vec4f`. What is no number stays none. */
const BODIES: Readonly<Record<Activation, string>> = {
  none: "return x;",
  // x/2 (1 + tanh u) = x sigmoid(2u), without the cancellation for negative x.
  "gelu-tanh": "return x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x));",
  "gelu-erf": "let half = 0.5 * erfc(abs(x) * 0.7071067811865476); return x * select(1.0 - half, half, x < vec4f(0));",
  "quick-gelu": "return x * sigmoid(1.702 * x);",
  silu: "return x * sigmoid(x);",
  relu: "return select(x, vec4f(0), x < vec4f(0));",
  // Close to zero the quotient would lose the digits of x.
  tanh: `let s = x * x;
  let series = x * (1.0 - s * (0.3333333333 - s * (0.1333333333 - s * 0.0539682540)));
  let far = sign(x) * (1.0 - 2.0 / (1.0 + exp(2.0 * abs(x))));
  return select(select(far, series, abs(x) < vec4f(0.2)), x, is_nan(x));`,
};

/** Complementary error function for x >= 0, within 1.2e-7 of itself (a Chebyshev fit of its logarithm). */
const ERFC = `fn erfc(x: vec4f) -> vec4f {
  let t = 1.0 / (1.0 + 0.5 * x);
  var s = t * 0.17087277 - 0.82215223;
  s = t * s + 1.48851587;
  s = t * s - 1.13520398;
  s = t * s + 0.27886807;
  s = t * s - 0.18628806;
  s = t * s + 0.09678418;
  s = t * s + 0.37409196;
  s = t * s + 1.00002368;
  return t * exp(t * s - x * x - 1.26551223);
}`;

/** Asks the bits: compilers may assume that numbers are numbers. */
export const IS_NAN =
  "fn is_nan(x: vec4f) -> vec4<bool> { return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u); }";

/** Declares `act(x: vec4f) -> vec4f`. */
export function activation(kind: Activation): string {
  const body = BODIES[kind];
  const needs = [
    body.includes("sigmoid(") ? SIGMOID : "",
    body.includes("erfc(") ? ERFC : "",
    body.includes("is_nan(") ? IS_NAN : "",
  ];
  return `${needs.filter(Boolean).join("\n")}\nfn act(x: vec4f) -> vec4f { ${body} }`;
}
