import { activate, type UnaryAttrs } from "@spaattn/nn";
import type { Compute } from "./operation.js";

function functionOf({ kind, a = 0, b = 0 }: UnaryAttrs): (x: number) => number {
  switch (kind) {
    case "affine":
      return (x) => x * a + b;
    case "clamp":
      return (x) => Math.min(Math.max(x, a), b);
    case "exp":
      return Math.exp;
    case "abs":
      return Math.abs;
    case "sqrt":
      return Math.sqrt;
    default:
      return (x) => activate(kind, x);
  }
}

/** One value at a time. */
export const unary: Compute<"unary"> = ({ attrs, in: { x } }) => {
  const f = functionOf(attrs);
  return { y: x.values.map((value) => f(value)) };
};
