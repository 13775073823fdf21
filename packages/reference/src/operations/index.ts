import type { OperationName } from "@spaattn/core";
import { attention } from "./attention.js";
import { binary } from "./binary.js";
import { combine } from "./combine.js";
import { concat } from "./concat.js";
import { conv } from "./conv.js";
import { denseAttention } from "./dense-attention.js";
import { embed } from "./embed.js";
import { heads } from "./heads.js";
import { linear } from "./linear.js";
import { merge } from "./merge.js";
import { norm } from "./norm.js";
import type { Compute } from "./operation.js";
import { pad } from "./pad.js";
import { reduce } from "./reduce.js";
import { repeat } from "./repeat.js";
import { slice } from "./slice.js";
import { timestep } from "./timestep.js";
import { transpose } from "./transpose.js";
import { unary } from "./unary.js";

/** Every operation the oracle knows, by name. */
export const OPERATIONS: Readonly<Partial<Record<string, Compute<OperationName>>>> = {
  attention,
  binary,
  combine,
  concat,
  conv,
  denseAttention,
  embed,
  heads,
  linear,
  merge,
  norm,
  pad,
  reduce,
  repeat,
  slice,
  timestep,
  transpose,
  unary,
} satisfies { [N in OperationName]?: Compute<N> } as never;
