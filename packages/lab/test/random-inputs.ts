import { HostTensor } from "@spaattn/core";
import { inputsFromCapture, type LabInputs } from "../src/index.js";
import { seededRandom } from "../src/random.js";

/** A capture of random numbers with text behind the video, strong enough to have peaked rows. */
export function randomInputs(textTokens = 20, textValid = 7): LabInputs {
  const random = seededRandom(5);
  const shape = [1, 2, 300 + textTokens, 16];
  const tensor = (gain: number) => {
    const made = new HostTensor("f32", shape);
    for (let i = 0; i < made.length; i++) made.data[i] = gain * (random() - 0.5);
    return made;
  };
  const text = textTokens > 0 ? { textTokens, textValid: [textValid] } : {};
  return inputsFromCapture({
    query: tensor(6),
    key: tensor(6),
    value: tensor(2),
    blockSize: 64,
    grid: [3, 10, 10],
    ...text,
  });
}
