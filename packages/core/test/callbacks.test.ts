import { describe, expect, it } from "vitest";
import { guardCallbacks, throwIfAborted } from "../src/index.js";

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A run that tells its progress from timers, and minds its signal. */
async function ticking({ signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number) => void }) {
  let told = 0;
  const timer = setInterval(() => onProgress?.(++told / 100), 1);
  try {
    for (let i = 0; i < 30; i++) {
      await turn();
      throwIfAborted(signal);
    }
    return told;
  } finally {
    clearInterval(timer);
  }
}

const guarded = (options: object) =>
  guardCallbacks(options as { signal?: AbortSignal; onProgress?: () => void }, ["onProgress"], ticking);

describe("guardCallbacks", () => {
  it("passes values through, and changes nothing without callbacks", async () => {
    const options = { other: 1 };
    expect(await guardCallbacks(options, [], async (same) => same)).toBe(options);
    const seen: number[] = [];
    await guarded({ onProgress: (done: number) => seen.push(done) });
    expect(seen.length).toBeGreaterThan(1);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("mine");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("mine");
      },
    ],
    [
      "rejects later",
      async () => {
        await turn();
        throw new Error("mine");
      },
    ],
  ])("a callback that %s stops the run with its own error", async (_, onProgress) => {
    let calls = 0;
    const counted = () => {
      calls++;
      return onProgress();
    };
    await expect(guarded({ onProgress: counted })).rejects.toThrow("mine");
    expect(calls).toBeLessThan(10);
  });

  it("gives what was thrown, whatever it is", async () => {
    const odd = { not: "an error" };
    await expect(
      guarded({
        onProgress: () => {
          throw odd;
        },
      }),
    ).rejects.toBe(odd);
    await expect(
      guarded({
        onProgress: () => {
          throw undefined;
        },
      }),
    ).rejects.toBeUndefined();
  });

  it("counts an error at the very last call", async () => {
    const last = guardCallbacks(
      {
        onProgress: () => {
          throw new Error("at the end");
        },
      },
      ["onProgress"],
      async (o) => {
        await turn();
        (o.onProgress as () => void)();
        return "done";
      },
    );
    await expect(last).rejects.toThrow("at the end");
  });

  it("follows the caller's signal and lets go of it", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort("enough"), 3);
    await expect(guarded({ signal: stop.signal, onProgress: () => {} })).rejects.toMatchObject({
      code: "Aborted",
      cause: "enough",
    });
    await expect(guarded({ signal: AbortSignal.abort(), onProgress: () => {} })).rejects.toMatchObject({
      code: "Aborted",
    });
  });

  it("refuses signals and callbacks that are none", async () => {
    await expect(guarded({ signal: {} })).rejects.toThrow("options.signal must be an AbortSignal, got {}");
    await expect(guarded({ onProgress: 3 })).rejects.toThrow("options.onProgress must be a function, got 3");
    await expect(guarded({ onProgress: null })).rejects.toThrow("options.onProgress must be a function, got null");
  });
});
