import { HostTensor, type Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import type { Probe } from "../probe.js";

/**
 * One pass over a part of a video: the decoder sees one latent frame at a time, the encoder one pixel frame, then as many
 * as a latent frame stands for. Tensors are `[1, frames, height, width, channels]`.
 */
export interface Pass {
  readonly g: Builder;
  /** There was nothing before. */
  readonly first: boolean;
  /** False where no pass follows: nothing needs to be remembered. */
  readonly more: boolean;
  readonly probe?: Probe;
}

/** Frames a causal convolution over three frames looks back. */
const BACK = 2;

/**
 * A 3 x 3 x 3 convolution that sees no future: the last two frames of its own input are a state from pass to pass, so that
 * passes give what the whole video would.
 */
export function causalConv(pass: Pass, x: Value, name: string, channels: number, residual?: Value): Value {
  const { g, first } = pass;
  const weight = g.weight(`${name}.weight`, [channels, x.shape[4], 3, 3, 3]);
  const bias = g.weight(`${name}.bias`, [channels]);
  const past = history(pass, x, name);
  const y = g.conv(x, {
    ...{ weight, bias, front: BACK, padding: 1 },
    ...(first ? {} : { history: past() }),
    ...(residual && { residual }),
  });
  remember(pass, x, past);
  return y;
}

/** A convolution over time alone, from C to 2 C channels; its history is empty before the second pass. */
export function timeConv(pass: Pass, x: Value, name: string): Value {
  const { g } = pass;
  const channels = x.shape[4];
  const past = history(pass, x, name);
  const weight = g.weight(`${name}.weight`, [2 * channels, channels, 3, 1, 1]);
  const bias = g.weight(`${name}.bias`, [2 * channels]);
  const y = g.conv(x, { weight, bias, front: BACK, history: past() });
  remember(pass, x, past);
  return y;
}

/** Prepares the history of a `timeConv` in the pass that leaves it out. */
export function emptyHistory(pass: Pass, x: Value, name: string): void {
  if (!pass.more) return;
  const state = history(pass, x, name)();
  pass.g.assign(state, zeros(pass.g, state.shape));
}

/** A 1 x 1 x 1 convolution: a linear layer. */
export function pointConv(g: Builder, x: Value, name: string, channels: number): Value {
  const width = x.shape[x.shape.length - 1];
  const weight = g.weight(`${name}.weight`, [channels, width, 1, 1, 1]);
  return g.linear(x, { weight: g.reshape(weight, [channels, width]), bias: g.weight(`${name}.bias`, [channels]) });
}

/** A 3 x 3 convolution of every frame. */
export function frameConv(
  g: Builder,
  x: Value,
  name: string,
  channels: number,
  how: Pick<Parameters<Builder["conv"]>[1], "stride" | "padding">,
): Value {
  const weight = g.weight(`${name}.weight`, [channels, x.shape[4], 3, 3]);
  return g.conv(x, { weight, bias: g.weight(`${name}.bias`, [channels]), ...how });
}

/** The state of a convolution, declared when it is first asked for. */
function history({ g }: Pass, x: Value, name: string): () => Value {
  const [batch, , height, width, channels] = x.shape;
  let state: Value | undefined;
  return () => (state ??= g.state(`${name}.history`, g.dtype, [batch, BACK, height, width, channels]));
}

function remember({ g, first, more }: Pass, x: Value, past: () => Value): void {
  if (!more) return;
  const frames = x.shape[1];
  if (frames >= BACK) g.assign(past(), g.slice(x, 1, frames - BACK, BACK));
  else if (first) g.assign(past(), g.pad(x, 1, 1, 0));
  else g.assign(past(), g.concat([g.slice(past(), 1, 1, 1), x], 1));
}

const zeros = (g: Builder, shape: readonly number[]): Value => g.constant(new HostTensor(g.dtype, shape));
