export * from "./axis-order.js";
export * from "./blocks.js";
export { type Grid, tokenCount } from "./grid.js";
export * from "./hilbert-curve.js";
export * from "./order.js";
export * from "./video-layout.js";
