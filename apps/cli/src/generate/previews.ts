import { join } from "node:path";
import type { StepInfo } from "@spaattn/diffusion";
import { encodePng, type Picture } from "@spaattn/io";
import { writeFileWhole } from "@spaattn/io/node";
import { emptyPictureFolder, pictureName } from "./frame-folder.js";

/** Every latent becomes a square of as many pixels, so that there is something to see. */
const SQUARE = 8;

/** Writes a picture of the video's middle after a step. */
export async function writePreview(folder: string, { step, preview }: StepInfo): Promise<void> {
  // Those of an earlier run have been given up by now.
  if (step === 1) await emptyPictureFolder(folder, "step");
  const png = encodePng(enlarged(await preview(), SQUARE));
  await writeFileWhole(join(folder, pictureName("step", step)), [png], { force: true });
}

function enlarged({ width, height, data }: Picture, square: number): Picture {
  const [w, h] = [width * square, height * square];
  const out = new Uint8Array(w * h * 3);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const from = (Math.floor(y / square) * width + Math.floor(x / square)) * 3;
      out.set(data.subarray(from, from + 3), (y * w + x) * 3);
    }
  return { width: w, height: h, data: out };
}
