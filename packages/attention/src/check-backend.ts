import { describeValue } from "@spaattn/core";
import type { Backend } from "./backend.js";

// What this package calls, by the type it must have.
const MEMBERS = {
  name: "string",
  capabilities: "object",
  allocate: "function",
  upload: "function",
  owns: "function",
  prepare: "function",
  dispose: "function",
} as const;

const LISTS = ["dtypes", "blockSizes", "strata"] as const;

/**
 * What is missing from a value that should be a running backend, in words; undefined when nothing is.
 *
 * A backend may come from a file somebody is writing: half of one must not fail later, inside a run.
 */
export function backendFault(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return `it is ${describeValue(value)}`;
  const backend = value as Record<string, unknown>;
  const missing = Object.entries(MEMBERS).filter(([name, type]) => typeof backend[name] !== type || !backend[name]);
  if (missing.length > 0) return `it has no ${missing.map(([name]) => name).join(", ")}`;
  const capabilities = backend.capabilities as Record<string, unknown>;
  const lists = LISTS.filter((name) => !Array.isArray(capabilities[name]));
  if (lists.length > 0) return `its capabilities list no ${lists.join(", ")}`;
  if (typeof capabilities.headDims !== "object" || capabilities.headDims === null)
    return "its capabilities name no headDims";
  return undefined;
}

/** @throws TypeError that says what is missing from a backend. */
export function checkBackend(path: string, value: unknown): asserts value is Backend {
  const fault = backendFault(value);
  if (fault) throw new TypeError(`${path} must be a running backend, but ${fault}`);
}
