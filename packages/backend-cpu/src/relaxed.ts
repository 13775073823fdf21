import { canRun } from "./wasm/module.js";

/**
 * Switches relaxed SIMD on where the engine has it behind a flag (Node 20); true when it is on afterwards.
 *
 * The flag holds for the whole process, its worker threads included: a program may call this once at its start, a
 * library should leave it to the program. From Node 22 on and in current browsers relaxed SIMD is on anyway.
 */
export function enableRelaxedSimd(): boolean {
  if (canRun("relaxed")) return true;
  globalThis.process?.getBuiltinModule?.("node:v8")?.setFlagsFromString("--experimental-wasm-relaxed-simd");
  return canRun("relaxed");
}
