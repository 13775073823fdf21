import type { HeadNorm, HeadsAttrs } from "@spaattn/nn";
import { assemble, f32, type Kernel, read, u32, write } from "../kernel.js";
import { MAP_THREADS } from "../wgsl/map.js";
import { rowSums } from "../wgsl/row-sums.js";
import type { Storage } from "../wgsl/storage.js";
import { NORM_THREADS } from "./norm.js";

/** Mean (0 for rms) of every row, and one over its deviation. Lanes are vectors of four numbers, or single ones. */
export function rowStatisticsKernel(kind: HeadNorm["kind"], x: Storage, four: boolean, threads: number): Kernel {
  const total = (value: string) => (four ? `dot(${value}, vec4f(1))` : value);
  const square = (value: string) => (four ? `dot(${value}, ${value})` : `${value} * ${value}`);
  const pass = (code: string) =>
    `for (var l = lid % ${threads}u; l < lanes; l += ${threads}u) { let v = load_x(at + l); ${code} }`;
  const layer = kind === "layer";
  return assemble({
    name: `heads.statistics.${kind}`,
    slots: [read("x", x), write("statistics", "f32")],
    params: [...u32("rows", "lanes", "width", "wide"), ...f32("eps")],
    workgroup: [NORM_THREADS],
    module: rowSums(NORM_THREADS, threads),
    body: `
  let row = (wid.y * p.wide + wid.x) * ${NORM_THREADS / threads}u + lid / ${threads}u;
  let lanes = select(0u, p.lanes, row < p.rows);
  let at = row * p.lanes;
  var sum = 0.0;
  ${layer ? `${pass(`sum += ${total("v")};`)}\n  sum = row_sum(lid, sum);` : ""}
  let mean = sum / f32(p.width);
  var squares = 0.0;
  ${pass(`let d = v - mean; squares += ${square("d")};`)}
  squares = row_sum(lid, squares);
  if (row < p.rows && lid % ${threads}u == 0u) {
    store_statistics(2u * row, mean);
    store_statistics(2u * row + 1u, inverseSqrt(squares / f32(p.width) + p.eps));
  }`,
  });
}

export interface HeadsShape {
  readonly x: Storage;
  readonly output: Storage;
  readonly four: boolean;
  readonly norm?: HeadNorm | undefined;
  readonly weight?: Storage | undefined;
  readonly bias?: Storage | undefined;
  readonly rotary?: HeadsAttrs["rotary"] | undefined;
  readonly ordered: boolean;
}

/** Splits a stream into heads: normalises by the statistics of its rows, turns pairs, and puts tokens in order. */
export function headsKernel(shape: HeadsShape): Kernel {
  const { x, output, four, norm, weight, bias, rotary, ordered } = shape;
  const type = four ? "vec4f" : "f32";
  return assemble({
    name: `heads${four ? "" : ".single"}`,
    slots: [
      read("x", x),
      ...(norm ? [read("statistics", "f32")] : []),
      ...(weight ? [read("weight", weight)] : []),
      ...(bias ? [read("bias", bias)] : []),
      ...(rotary ? [read("cos", "f32"), read("sin", "f32")] : []),
      ...(ordered ? [read("order", "i32")] : []),
      write("y", output),
    ],
    params: u32("lanes", "tokens", "heads", "all", "first", "turned"),
    workgroup: [MAP_THREADS],
    module: `
/** A lane of a head of a token (counted over the batch), normalised. */
fn normal(token: u32, head: u32, lane: u32) -> ${type} {
  var v = load_x((token * p.heads + head) * p.lanes + lane);
  ${norm ? `let row = ${norm.across ? "token" : "token * p.heads + head"}; v = (v - load_statistics(2u * row)) * load_statistics(2u * row + 1u);` : ""}
  ${weight ? `v *= load_weight(${norm?.across ? "head * p.lanes + lane" : "lane"});` : ""}
  ${bias ? `v += load_bias(${norm?.across ? "head * p.lanes + lane" : "lane"});` : ""}
  return v;
}`,
    body: `
  let i = wid.x * ${MAP_THREADS}u + lid;
  let lane = i % p.lanes;
  let place = i / p.lanes;
  if (place >= p.tokens) { return; }
  let head = wid.y;
  let item = wid.z;
  let token = ${ordered ? "u32(load_order(place))" : "place"};
  let row = item * p.tokens + token;
  var v = normal(row, head, lane);
  ${rotary ? `if (token < p.turned) { ${four ? turnFour(rotary) : turnOne(rotary)} }` : ""}
  store_y(((item * p.heads + head) * p.all + p.first + place) * p.lanes + lane, v);`,
  });
}

const turnFour = (rotary: "interleaved" | "half"): string =>
  rotary === "interleaved"
    ? `
    let at = token * p.lanes * 2u + lane * 2u;
    let c = vec4f(vec2f(load_cos(at)), vec2f(load_cos(at + 1u)));
    let s = vec4f(vec2f(load_sin(at)), vec2f(load_sin(at + 1u)));
    v = v * c + vec4f(-v.y, v.x, -v.w, v.z) * s;`
    : `
    let half = p.lanes / 2u;
    let at = token * p.lanes * 2u + lane % half * 4u;
    let c = vec4f(load_cos(at), load_cos(at + 1u), load_cos(at + 2u), load_cos(at + 3u));
    let s = vec4f(load_sin(at), load_sin(at + 1u), load_sin(at + 2u), load_sin(at + 3u));
    let other = normal(row, head, (lane + half) % p.lanes);
    v = v * c + select(other, -other, lane < half) * s;`;

const turnOne = (rotary: "interleaved" | "half"): string => `
    let half = p.lanes / 2u;
    let at = token * half + ${rotary === "interleaved" ? "lane / 2u" : "lane % half"};
    let other = normal(row, head, ${rotary === "interleaved" ? "lane ^ 1u" : "(lane + half) % p.lanes"});
    v = v * load_cos(at) + select(other, -other, ${rotary === "interleaved" ? "lane % 2u == 0u" : "lane < half"}) * load_sin(at);`;
