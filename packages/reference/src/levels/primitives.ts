import type { LevelsPrimitives } from "@spaattn/attention";
import { choose } from "./choose.js";
import { cluster } from "./cluster.js";
import { errors } from "./errors.js";
import { gather } from "./gather.js";
import { nodes } from "./nodes.js";

/** The steps of rectify "levels" in float64. */
export const levels: LevelsPrimitives = { cluster, nodes, errors, choose, gather };
