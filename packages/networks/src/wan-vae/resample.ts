import type { Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import { emptyHistory, frameConv, type Pass, timeConv } from "./causal.js";

/**
 * Twice the rows and columns, and with `time` twice the frames.
 *
 * In the first pass the frame is not doubled and does not enter the history: frame 0 stands for one pixel frame.
 */
export function upsample(pass: Pass, x: Value, name: string, channels: number, time: boolean): Value {
  const { g, first } = pass;
  let frames = x;
  if (time && first) emptyHistory(pass, x, `${name}.time_conv`);
  else if (time) frames = interleave(g, timeConv(pass, x, `${name}.time_conv`));
  return frameConv(g, g.repeat(frames, [1, 1, 2, 2, 1]), `${name}.resample.1`, channels, { padding: 1 });
}

/** `[1, t, h, w, 2 c]` to `[1, 2 t, h, w, c]`: the halves of the channels are neighbouring frames. */
function interleave(g: Builder, x: Value): Value {
  const [, t, h, w, double] = x.shape;
  const halves = g.transpose(g.reshape(x, [t, h, w, 2, double / 2]), [0, 3, 1, 2, 4]);
  return g.reshape(halves, [1, 2 * t, h, w, double / 2]);
}

/** Half the rows and columns, and with `time` half the frames (behind the first one, which stays). */
export function downsample(pass: Pass, x: Value, name: string, time: boolean): Value {
  const { g, first, more } = pass;
  const channels = x.shape[4];
  const padding = { top: 0, bottom: 1, left: 0, right: 1 };
  const small = frameConv(g, x, `${name}.resample.1`, channels, { stride: [1, 2, 2], padding });
  if (!time) return small;
  const [batch, frames, height, width] = small.shape;
  const state = more || !first ? g.state(`${name}.last`, g.dtype, [batch, 1, height, width, channels]) : undefined;
  const out =
    first || !state
      ? small
      : g.conv(small, {
          weight: g.weight(`${name}.time_conv.weight`, [channels, channels, 3, 1, 1]),
          bias: g.weight(`${name}.time_conv.bias`, [channels]),
          stride: [2, 1, 1],
          front: 1,
          history: state,
        });
  if (more && state) g.assign(state, g.slice(small, 1, frames - 1, 1));
  return out;
}

/** The short cut around a level that shrinks: means of neighbouring cells and channels. */
export function averageDown(g: Builder, x: Value, channels: number, time: number, space: number): Value {
  const missing = (time - (x.shape[1] % time)) % time;
  // Zero frames in front: the first frame's short cut is a mean with nothing.
  const whole = missing === 0 ? x : g.pad(x, 1, missing, 0);
  const [, t, h, w, c] = whole.shape;
  const [t2, h2, w2] = [t / time, h / space, w / space];
  const cells = g.transpose(g.reshape(whole, [t2, time, h2, space, w2, space, c]), [0, 2, 4, 6, 1, 3, 5]);
  const group = (c * time * space * space) / channels;
  return g.reshape(g.mean(g.reshape(cells, [t2 * h2 * w2, channels, group])), [1, t2, h2, w2, channels]);
}

/** The short cut around a level that grows: every channel several times, spread over time and space. */
export function duplicateUp(pass: Pass, x: Value, channels: number, time: number): Value {
  const { g, first } = pass;
  const [, t, h, w, c] = x.shape;
  const copies = g.repeat(x, [1, 1, 1, 1, (channels * time * 4) / c]);
  const spread = g.transpose(g.reshape(copies, [t, h, w, channels, time, 2, 2]), [0, 4, 1, 5, 2, 6, 3]);
  const all = g.reshape(spread, [1, t * time, 2 * h, 2 * w, channels]);
  return first && time > 1 ? g.slice(all, 1, time - 1, t * time - (time - 1)) : all;
}
