export { type ConformanceCase, conformanceCases } from "./cases.js";
export { type Check, compareExact, compareFloats, type Outcome } from "./check.js";
export { checkModelGrids, type ModelGrid } from "./golden/curve.js";
export { formatOf, type GoldenFile, readGolden } from "./golden/file.js";
export { type GoldenOptions, runGolden } from "./golden/run-golden.js";
export { type CaseInputs, type InputKind, makeInputs } from "./inputs.js";
export { Drawing, type NetworkCase } from "./network/case.js";
export { networkCases } from "./network/cases/index.js";
export { type NetworkOptions, runNetwork, skips, testNetwork } from "./network/run.js";
export { type NetworkCaseOptions, type Recorder, runNetworkCase } from "./network/run-case.js";
export {
  type ConformanceOptions,
  type ConformanceReport,
  describeCheck,
  run,
  summarizeChecks,
  testBackend,
} from "./run.js";
export { type CaseOptions, runCase } from "./run-case.js";
export { toleranceOf } from "./tolerance.js";
