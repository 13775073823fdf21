import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isSpaAttnError, type SpaAttnErrorCode } from "@spaattn/core";
import { expect } from "vitest";

const GOLDEN = fileURLToPath(new URL("../../../../shared/golden/", import.meta.url));

/** The folder of golden files beside the repository; skips the test loudly where there is none. */
export function goldenFolder(ctx: { skip(reason: string): void }): string {
  if (existsSync(GOLDEN)) return GOLDEN;
  console.warn("SKIPPED: golden files are expected in ../shared/golden");
  ctx.skip("golden files are missing");
  return "";
}

export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "spaattn-io-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Expects a failure with this code, this text and something to do about it. */
export async function expectFailure(promise: Promise<unknown>, code: SpaAttnErrorCode, text: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSpaAttnError(error, code)) throw new Error(`expected ${code}, got ${String(error)}`, { cause: error });
  expect(error.message).toMatch(text);
  expect(error.remedy).not.toBe("");
}

/** A safetensors file with any header text and data. */
export function rawSafetensors(header: string | object, dataBytes = 0, declared?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, declared ?? BigInt(json.length), true);
  file.set(json, 8);
  for (let i = 0; i < dataBytes; i++) file[8 + json.length + i] = i + 1;
  return file;
}
