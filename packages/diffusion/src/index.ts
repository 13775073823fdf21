export { TorchRandom } from "./random/torch-random.js";
export * from "./schedulers/index.js";
