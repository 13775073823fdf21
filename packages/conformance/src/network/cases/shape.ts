import type { NetworkCase } from "../case.js";
import { nanAt } from "./edits.js";

const small = { size: "small" } as const;

/** Moving elements: nothing may change a bit. */
export const shapeCases: readonly NetworkCase[] = [
  ...[
    [1, 0],
    [0, 2, 1],
    [2, 0, 1],
    [0, 2, 1, 3],
    [3, 1, 0, 2],
    [0, 2, 4, 6, 1, 3, 5],
    [7, 6, 5, 4, 3, 2, 1, 0],
  ].map(
    (perm): NetworkCase => ({
      ...small,
      name: `transpose: ${perm.join("")}`,
      draw: (d) => {
        const sizes = [5, 3, 7, 2, 3, 2, 1, 4].slice(0, perm.length);
        d.output("y", d.g.transpose(d.input("x", sizes, { edit: nanAt(3) }), perm));
      },
    }),
  ),
  {
    size: "large",
    name: "transpose: channels last",
    draw: (d) => d.output("y", d.g.transpose(d.input("x", [2, 37, 3, 33, 35]), [0, 2, 3, 4, 1])),
  },
  {
    ...small,
    name: "transpose: bytes and integers",
    draw: (d) => {
      d.output("bytes", d.g.transpose(d.input("a", [5, 7], { dtype: "u8", below: 256 }), [1, 0]));
      d.output("integers", d.g.transpose(d.input("b", [5, 7], { dtype: "i32", below: 100_000 }), [1, 0]));
    },
  },
  ...[0, 1, 2].map(
    (axis): NetworkCase => ({
      ...small,
      name: `concat: axis ${axis}, three parts`,
      draw: (d) => {
        const parts = [1, 3, 2].map((size, i) =>
          d.input(
            `x${i}`,
            [3, 5, 7].map((s, j) => (j === axis ? size : s)),
          ),
        );
        d.output("y", d.g.concat(parts, axis));
      },
    }),
  ),
  ...[0, 1, 2].map(
    (axis): NetworkCase => ({
      ...small,
      name: `slice: axis ${axis}`,
      draw: (d) => d.output("y", d.g.slice(d.input("x", [4, 6, 9]), axis, 1, 3)),
    }),
  ),
  ...(["zero", "replicate"] as const).flatMap((mode) =>
    [0, 1, 2].map(
      (axis): NetworkCase => ({
        ...small,
        name: `pad: ${mode}, axis ${axis}`,
        draw: (d) => d.output("y", d.g.pad(d.input("x", [3, 4, 5]), axis, 2, 1, mode)),
      }),
    ),
  ),
  ...[
    [1, 1, 2, 2, 1],
    [1, 2, 1, 1, 1],
    [2, 1, 3, 1, 2],
  ].map(
    (times): NetworkCase => ({
      ...small,
      name: `repeat: ${times.join("")}`,
      draw: (d) => d.output("y", d.g.repeat(d.input("x", [1, 3, 4, 5, 6]), times)),
    }),
  ),
  {
    ...small,
    name: "reshape, slice and concat of views that begin anywhere",
    draw: (d) => {
      const x = d.g.view(d.input("wide", [200]), [3, 5, 7], 13);
      const back = d.g.concat([d.g.slice(x, 1, 2, 3), d.g.slice(x, 1, 0, 2)], 1);
      d.output("y", d.g.transpose(d.g.reshape(back, [15, -1]), [1, 0]));
    },
  },
  {
    ...small,
    name: "patches to a video and back",
    draw: (d) => {
      const x = d.input("x", [1, 3 * 4 * 5, 2 * 2 * 6]);
      const video = d.g.transpose(d.g.reshape(x, [1, 3, 4, 5, 2, 2, 6]), [0, 1, 2, 4, 3, 5, 6]);
      d.output("video", video);
    },
  },
];
