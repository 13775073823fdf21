import type { Geometry } from "@spaattn/attention";
import { range } from "./tile-parts.js";

/** Names an invocation's own row in registers; `own0` is its first four channels. */
const own = (lanes: number, each: (c: number) => string) => range(lanes, each).join(" ");

/** What `findDirections` needs: the sums of a part's slices, its mean, and what its direction is measured by. */
export function localDirections({ headDim, blockSize }: Geometry, strataPerBlock: number): string {
  const lanes = headDim / 4;
  const parts = Math.max(1, strataPerBlock / 2);
  return `
var<workgroup> mean_of: array<vec4f, ${parts * lanes}>;
var<workgroup> slices: array<vec4f, ${Math.max(blockSize, parts * lanes)}>;
var<workgroup> squares: array<f32, ${parts * lanes}>;
/** Sum over the slices of a part's rows, for one group of four channels; \`at\` is that of the first slice. */
fn sum_slices(at: u32, count: u32) -> vec4f {
  var sum = slices[at];
  for (var s = 1u; s < count; s++) { sum += slices[at + s * LANES]; }
  return sum;
}`;
}

/**
 * Power iteration about the mean of every part of a level (docs/tail.md#strata, "local"), all parts at once.
 *
 * An invocation projects the row of its own slot, which it keeps in registers. For sums over rows the invocations of a part
 * are cut into slices that take turns at its rows, so that all of them load, and neighbours load neighbours. Directions stay
 * unnormalised between the steps: whoever reads them divides by the length, of which `squares` holds the parts.
 */
export function findDirections(level: number, blockSize: number, lanes: number, steps: number): string {
  const size = blockSize >> level;
  // A part with fewer invocations than groups of channels goes over them in several rounds of one slice.
  const count = Math.max(1, Math.floor(size / lanes));
  const rounds = Math.ceil(lanes / size);
  const rowsEach = Math.ceil(size / count);
  const overChannels = (body: string) => `
    for (var round = 0u; round < ${rounds}u; round++) {
      let c = inside % LANES + round * ${size}u;
      let slice = inside / LANES;
      if (c < LANES && slice < ${count}u) { ${body} }
    }`;
  // No branch around the loads, and several rows at once: the loads then travel together.
  const atOnce = Math.min(8, rowsEach);
  const sumRows = (term: string) =>
    overChannels(`
        var sum = vec4f(0);
        for (var n = 0u; n < trips(${Math.ceil(rowsEach / atOnce)}u); n++) {
          ${range(
            atOnce,
            (e) => `let r${e} = slice + (n * ${atOnce}u + ${e}u) * ${count}u;
          let slot${e} = part_first + min(r${e}, ${size - 1}u);
          let key${e} = load_key((wid.z * p.tokens + min(token[slot${e}], end - 1u)) * LANES + c);`,
          ).join("\n          ")}
          ${range(
            atOnce,
            (e) =>
              `sum += select(vec4f(0), ${term.replaceAll("slot", `slot${e}`).replaceAll("key", `key${e}`)}, r${e} < ${size}u && token[slot${e}] < end);`,
          ).join("\n          ")}
        }
        slices[slice_at + slice * LANES + c] = sum;`);
  const lengthSquared = range(lanes, (c) => `squares[channels + ${c}u]`).join(" + ");
  const eachChannel = (body: string) => `
    for (var c = inside; c < LANES; c += ${size}u) { ${body} }`;
  return `
    let end = first + count;
    let part = lid / ${size}u;
    let inside = lid % ${size}u;
    let part_first = part * ${size}u;
    let channels = part * LANES;
    let slice_at = part * ${count * lanes}u;
    let live = token[lid] < end;
    let own_row = row_of(wid.z, lid);
    ${own(lanes, (c) => `var own${c} = vec4f(0);`)}
    if (live) { ${own(lanes, (c) => `own${c} = load_key(own_row + ${c}u);`)} }
    ${sumRows("key")}
    var members = 0.0;
    for (var r = 0u; r < trips(${size}u); r++) { members += select(0.0, 1.0, token[part_first + r] < end); }
    workgroupBarrier();
    ${eachChannel(`mean_of[channels + c] = sum_slices(slice_at + c, ${count}u) / max(members, 1.0);
      let channel = f32(4u * c);
      direction_of[channels + c] = cos(vec4f(channel, channel + 1.0, channel + 2.0, channel + 3.0));
      squares[channels + c] = select(0.0, 1.0, c == 0u);`)}
    workgroupBarrier();
    if (live) { ${own(lanes, (c) => `own${c} -= mean_of[channels + ${c}u];`)} }
    for (var step = 0u; step < ${steps}u; step++) {
      let square = ${lengthSquared};
      var x = vec4f(0);
      ${own(lanes, (c) => `x += own${c} * direction_of[channels + ${c}u];`)}
      projection[lid] = dot(x, vec4f(1)) / max(sqrt(square), 1.0e-30);
      workgroupBarrier();
      ${sumRows("projection[slot] * (key - mean_of[channels + c])")}
      workgroupBarrier();
      ${eachChannel(`let w = sum_slices(slice_at + c, ${count}u);
        direction_of[channels + c] = w;
        squares[channels + c] = dot(w, w);`)}
      workgroupBarrier();
    }
    let square = ${lengthSquared};
    var most = -1.0;
    var sign = 1.0;
    for (var c = 0u; c < trips(LANES); c++) {
      let w = direction_of[channels + c];
      for (var e = 0u; e < 4u; e++) {
        if (abs(w[e]) > most) { most = abs(w[e]); sign = select(1.0, -1.0, w[e] < 0.0); }
      }
    }
    workgroupBarrier();
    ${eachChannel("direction_of[channels + c] *= sign / max(sqrt(square), 1.0e-30);")}
    workgroupBarrier();`;
}
