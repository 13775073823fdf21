export {
  blockRow,
  budgetUnits,
  type Choice,
  type ChoiceRule,
  choiceCost,
  chooseLevels,
  EXACT,
  findMultiplier,
  type HeadErrors,
  levelStart,
  nodeRowCount,
  optionsOf,
} from "@spaattn/attention";
export * from "./attend-row.js";
export * from "./compensate.js";
export * from "./gain.js";
export * from "./levels/bias.js";
export * from "./levels/bisect.js";
export * from "./levels/clusters.js";
export * from "./levels/combine.js";
export * from "./levels/lists.js";
export * from "./levels/moment-error.js";
export * from "./levels/nodes.js";
export * from "./levels/order.js";
export * from "./levels/probe-error.js";
export * from "./levels/probes.js";
export * from "./tail/anchors.js";
export * from "./tail/bias.js";
export * from "./tail/block-error.js";
export * from "./tail/directions.js";
export * from "./tail/select.js";
export * from "./tail/strata.js";
export * from "./tail/summaries.js";
