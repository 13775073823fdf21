import { type Capture, type Clip, captureContents, encodeSafetensors, readCapture } from "@spaattn/io";
import { expect, it } from "vitest";
import { buildInputs, type CaptureLike, inputsFromCapture, type Clip as LabClip } from "../src/index.js";
import { movingSquare } from "./clips.js";

// What @spaattn/io reads is what this package takes, without a dependency between the two; the compiler checks it here.
const captureFits = (capture: Capture): CaptureLike => capture;
const clipFits = (clip: Clip): LabClip => clip;

it("inputs survive a capture file", async () => {
  const inputs = buildInputs(clipFits(movingSquare(6, 32, 48)), { heads: 2, maxTokens: 400, blockSize: 64 });
  const { query, key, value, spec } = inputs;
  const { tensors, metadata } = captureContents({
    query,
    key,
    value,
    grid: spec.layout!.grid,
    tokenOrder: "curve",
    blockSize: 64,
    model: "none",
  });
  const again = inputsFromCapture(captureFits(await readCapture(await encodeSafetensors(tensors, metadata))));
  expect(again.query.data).toEqual(query.data);
  expect(again.spec.layout!.order).toEqual(spec.layout!.order);
  expect(again.spec).toMatchObject({ heads: 2, headDim: 64, blockSize: 64, visualTokens: spec.visualTokens });
});
