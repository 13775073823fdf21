import { type Folder, malformed, readJson } from "@spaattn/weights";
import type { GenerationDefaults } from "./options.js";

const FILE = "generation.json";

/** Keys of the file, and the options they are. */
const KEYS: Readonly<Record<string, keyof GenerationDefaults>> = {
  width: "width",
  height: "height",
  frames: "frames",
  fps: "fps",
  steps: "steps",
  guidance: "guidance",
  guidance2: "guidance2",
  flowShift: "shift",
};

/**
 * What a model was trained for, where its folder says so in a `generation.json`; other keys are ignored.
 *
 * @throws SpaAttnError MalformedFile naming the key
 */
export async function readDefaults(folder: Folder): Promise<Partial<GenerationDefaults>> {
  const file = (await readJson(folder, FILE)) ?? {};
  const defaults: Partial<Record<keyof GenerationDefaults, number>> = {};
  for (const [key, option] of Object.entries(KEYS)) {
    const value = file[key];
    if (value === undefined) continue;
    if (typeof value !== "number" || !(value > 0 || (value === 0 && key.startsWith("guidance"))))
      malformed(`${folder.name}/${FILE}`, `${key} must be a positive number, got ${JSON.stringify(value)}`);
    defaults[option] = value;
  }
  return defaults;
}
