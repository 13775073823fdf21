import type { UnaryAttrs } from "@spaattn/nn";
import { f32, type Kernel, read } from "../kernel.js";
import { activation, IS_NAN } from "../wgsl/activation.js";
import { type MapTarget, mapKernel, mapLanes } from "../wgsl/map.js";
import type { Storage } from "../wgsl/storage.js";

type Kind = UnaryAttrs["kind"];

const OWN: Partial<Record<Kind, string>> = {
  affine: "fn act(x: vec4f) -> vec4f { return x * p.a + p.b; }",
  clamp: `${IS_NAN}\nfn act(x: vec4f) -> vec4f { return select(clamp(x, vec4f(p.a), vec4f(p.b)), x, is_nan(x)); }`,
  exp: "fn act(x: vec4f) -> vec4f { return exp(x); }",
  abs: "fn act(x: vec4f) -> vec4f { return abs(x); }",
  sqrt: "fn act(x: vec4f) -> vec4f { return sqrt(x); }",
};

/** One value at a time; `none` converts between types. */
export const unaryKernel = (kind: Kind, x: Storage, target: MapTarget): Kernel =>
  mapKernel(target, {
    name: `unary.${kind}`,
    slots: [read("x", x)],
    params: f32("a", "b"),
    module: `${OWN[kind] ?? activation(kind as never)}
${
  mapLanes(target) === 4
    ? "fn value(i: u32) -> vec4f { return act(load_x(i)); }"
    : "fn value(i: u32) -> f32 { return act(vec4f(load_x(i))).x; }"
}`,
  });
