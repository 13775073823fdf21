export {
  always,
  coverMass,
  firstFrame,
  type HostRow,
  type HostSelect,
  hostPolicy,
  lowerPolicy,
  neighbours,
  type Policy,
  type Selection,
  topBlocks,
  union,
} from "@spaattn/attention";
export * from "./block-list.js";
export * from "./head.js";
export * from "./implicit-attention.js";
export * from "./pool.js";
export * from "./select.js";
