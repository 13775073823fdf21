export type {
  GeneratedVideo,
  GenerateOptions,
  GenerationDefaults,
  ImageInput,
  ImagePlanes,
  StepInfo,
  TextFeatures,
} from "./generate/options.js";
export { type PipelineOptions, WanPipeline } from "./generate/pipeline.js";
export type { Progress, Stage } from "./generate/progress.js";
export type { SparseOptions } from "./generate/sparse.js";
export { guidanceFactors, guide, needsNegative } from "./guidance.js";
export { imageToClip, imageToPlanes } from "./image/preprocess.js";
export { type ResizeFilter, type ResizeLibrary, type RgbImage, resize } from "./image/resize.js";
export { TorchRandom } from "./random/torch-random.js";
export * from "./schedulers/index.js";
export { cleanPrompt } from "./text/clean-prompt.js";
export { loadTokenizer } from "./tokenizer/load.js";
export { encodePadded, type PaddedTokens, type TextTokenizer } from "./tokenizer/tokenizer.js";
export {
  concatChannels,
  conditionChannels,
  conditionMask,
  conditionVideo,
  type LatentSize,
} from "./wan/condition.js";
export { expertAt, expertPlan } from "./wan/experts.js";
export { tokenTimesteps, withFirstFrame } from "./wan/first-frame.js";
export { denormalizeLatents, type LatentStatistics, normalizeLatents } from "./wan/latents.js";
export { WAN_SETTINGS, type WanFacts, type WanSettings, wanSettings } from "./wan/settings.js";
export { checkVideoSize, type SizeRule, sizeForImage, type VideoSize } from "./wan/size.js";
