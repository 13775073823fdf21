import type { NetworkCase } from "../case.js";
import { attentionCases } from "./attention.js";
import { convCases } from "./conv.js";
import { elementwiseCases } from "./elementwise.js";
import { embedCases } from "./embed.js";
import { graphCases } from "./graphs.js";
import { headsCases } from "./heads.js";
import { linearCases } from "./linear.js";
import { normCases } from "./norm.js";
import { shapeCases } from "./shape.js";

/** Every case of the operations of `@spaattn/nn`, operation by operation, then small whole networks. */
export const networkCases: readonly NetworkCase[] = [
  ...linearCases,
  ...normCases,
  ...headsCases,
  ...attentionCases,
  ...embedCases,
  ...elementwiseCases,
  ...convCases,
  ...shapeCases,
  ...graphCases,
];
