/** A backend of this project: the package it comes in, and what to do when that is not installed. */
export interface KnownBackend {
  readonly name: string;
  readonly package: string;
  /** One line for people who choose. */
  readonly summary: string;
}

export const KNOWN_BACKENDS: readonly KnownBackend[] = [
  { name: "cpu", package: "@spaattn/backend-cpu", summary: "WASM SIMD with a worker pool; runs everywhere" },
  {
    name: "webgpu",
    package: "@spaattn/backend-webgpu",
    summary: "WGSL kernels, in the browser or through Dawn in Node",
  },
  { name: "cuda", package: "@spaattn/backend-cuda", summary: "CUDA kernels for Ampere to Hopper, from Node" },
  { name: "reference", package: "@spaattn/reference", summary: "the float64 oracle; slow, for checking others" },
];

/**
 * Names of `SPAATTN_REQUIRE` (comma separated): backends whose absence is a failure instead of a reason to skip.
 *
 * Reads the environment where there is one; browsers have none.
 */
export function requiredBackends(
  environment: Readonly<Record<string, string | undefined>> = (
    globalThis as { process?: { env?: Record<string, string> } }
  ).process?.env ?? {},
): readonly string[] {
  return (environment.SPAATTN_REQUIRE ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
}
