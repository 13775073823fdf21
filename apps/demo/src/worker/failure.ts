import { isSpaAttnError } from "@spaattn/core";
import type { Failure } from "./protocol.js";

/** A failure of this page's own making, in a visitor's words. */
export class DemoError extends Error {
  constructor(
    readonly code: "ClipTooLarge" | "UnreadableFile" | "Unsupported",
    message: string,
    readonly remedy: string,
  ) {
    super(message);
    this.name = "DemoError";
  }
}

/** What a visitor is told about any error. */
export function describeFailure(error: unknown): Failure {
  if (isSpaAttnError(error))
    return {
      code: error.code,
      message: error.code === "DeviceLost" ? "The page lost its graphics device." : error.message,
      remedy: remedyFor(error.code) ?? error.remedy,
      aborted: error.code === "Aborted",
    };
  if (error instanceof DemoError)
    return { code: error.code, message: error.message, remedy: error.remedy, aborted: false };
  const message = error instanceof Error ? error.message : String(error);
  // What engines say when an allocation fails.
  if (/allocation failed|out of memory|invalid (typed )?array( buffer)? length/i.test(message))
    return {
      code: "OutOfMemory",
      message: "There was not enough memory for this.",
      remedy: remedyFor("OutOfMemory")!,
      aborted: false,
    };
  if (error instanceof TypeError || error instanceof RangeError)
    return {
      code: "WrongInput",
      message,
      remedy: "Change the setting that is named, or open another file.",
      aborted: false,
    };
  return {
    code: "Unknown",
    message,
    remedy: "Reload the page; if it happens again, please report it.",
    aborted: false,
  };
}

// The library's remedies speak to programmers; a visitor has other means.
function remedyFor(code: string): string | undefined {
  switch (code) {
    case "OutOfMemory":
      return "Choose fewer tokens or heads, or close other tabs.";
    case "DeviceLost":
      return "A driver was reset, or the machine slept. The page goes on with WASM; choose WebGPU to try again.";
    case "BackendUnavailable":
      return "Choose the other backend above.";
    case "Unsupported":
      return "Choose the other backend, or another block size.";
    case "MalformedFile":
      return "Open another file. Captures are safetensors files written by the spaattn command line or library.";
    default:
      return undefined;
  }
}
