export * from "./choose.js";
export * from "./hull.js";
export * from "./multiplier.js";
export * from "./options.js";
export * from "./tree.js";
