export * from "./callbacks.js";
export * from "./check.js";
export * from "./convert.js";
export * from "./dtype.js";
export * from "./errors.js";
export * from "./tensor.js";
