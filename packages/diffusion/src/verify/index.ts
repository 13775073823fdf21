export { type GoldenCheck, type VerifyOptions, verifyGolden } from "./verify.js";
