import { SpaAttnError } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { DemoError, describeFailure } from "../src/worker/failure.js";

describe("what a visitor is told", () => {
  it("about the library's errors: their message, and a remedy for visitors", () => {
    const error = new SpaAttnError("OutOfMemory", "A tensor of 9 GB does not fit.", { remedy: "Set memoryLimit." });
    const told = describeFailure(error);
    expect(told).toMatchObject({ code: "OutOfMemory", message: "A tensor of 9 GB does not fit.", aborted: false });
    expect(told.remedy).not.toContain("memoryLimit");
  });

  it("about memory, whatever the engine calls it", () => {
    for (const message of [
      "Array buffer allocation failed",
      "Invalid typed array length: 99999999999",
      "out of memory",
    ])
      expect(describeFailure(new RangeError(message)).code).toBe("OutOfMemory");
  });

  it("about wrong settings: the name in the message", () => {
    const told = describeFailure(new RangeError("maxTokens must be an integer of at least 64, got 2"));
    expect(told).toMatchObject({ code: "WrongInput", message: "maxTokens must be an integer of at least 64, got 2" });
  });

  it("nothing about what was cancelled on purpose", () => {
    const error = new SpaAttnError("Aborted", "The run was cancelled.", { remedy: "Run it again." });
    expect(describeFailure(error).aborted).toBe(true);
    expect(describeFailure(new DemoError("ClipTooLarge", "Too large.", "Smaller.")).aborted).toBe(false);
  });
});
