import * as L from "../job-layout.js";
import type { Phase } from "../work.js";
import * as V from "./job-layout.js";

const phase = (op: number, stage: Phase["stage"], span: Phase["span"]): Phase => ({ op, stage, span, grouped: false });

/** The kernels in the order they run. */
export const PHASES = {
  pack: phase(L.OP_PACK, "attend", "keyBlocks"),
  pool: phase(L.OP_POOL, "cluster", "blocks"),
  cluster: phase(V.OP_CLUSTER, "cluster", "head"),
  query: phase(V.OP_QUERY, "cluster", "blocks"),
  spreads: phase(V.OP_SPREADS, "nodes", "blocks"),
  order: phase(V.OP_NESTED_ORDER, "nodes", "blocks"),
  nodes: phase(V.OP_NODES, "nodes", "blocks"),
  errors: phase(V.OP_ERRORS, "errors", "rows"),
  lists: phase(V.OP_LISTS, "gather", "rows"),
  attend: phase(V.OP_ATTEND_LISTS, "attend", "rowTiles"),
} as const;
