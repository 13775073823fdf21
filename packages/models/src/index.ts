export * from "./adapter.js";
export { alongCurve } from "./along-curve.js";
export { CacheRule, type CacheSettings, cacheSettings, type StepCacheOptions } from "./cache-rule.js";
export { type CalibrateOptions, type CalibrationTarget, calibrate } from "./calibrate/calibrate.js";
export type { Capture } from "./calibrate/capture.js";
export { evaluate, evaluatePreset } from "./calibrate/evaluate.js";
export * from "./card.js";
export * from "./cogvideox1.5/index.js";
export * from "./flux.1/index.js";
export * from "./hunyuanvideo/index.js";
export type { AdapterOptions, Settings } from "./options.js";
export { drawSchedule } from "./picture.js";
export * from "./plan-generation.js";
export {
  type CalibratedPreset,
  type Measurement,
  namedPreset,
  PRESET_VERSION,
  type PresetName,
  parsePreset,
  presetMismatch,
} from "./preset.js";
export * from "./registry.js";
export { type RotaryTable, rotaryTable } from "./rotary.js";
export * from "./schedule.js";
export * from "./session.js";
export { type VideoGeometry, videoGeometry } from "./size.js";
export { StepCache, type Streams } from "./step-cache.js";
export { WAN_TEXT, type WanTransformerFacts, wanTransformers } from "./wan-transformers.js";
export { type Wan21Variant, wan21, wan21Cards } from "./wan2.1/index.js";
export { type Wan22Variant, wan22, wan22Cards } from "./wan2.2/index.js";
