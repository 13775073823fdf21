import { ModelAdapter } from "./adapter.js";
import type { ModelCard } from "./card.js";
import { cogVideoX15Cards } from "./cogvideox1.5/index.js";
import { flux1Card } from "./flux.1/index.js";
import { hunyuanVideoCard } from "./hunyuanvideo/index.js";
import type { AdapterOptions } from "./options.js";
import { wan21Cards } from "./wan2.1/index.js";
import { wan22Cards } from "./wan2.2/index.js";

/** All models, in the order they are listed. */
export const models: readonly ModelCard[] = [
  hunyuanVideoCard,
  wan21Cards["t2v-1.3b"],
  wan21Cards["t2v-14b"],
  wan21Cards["i2v-14b-480p"],
  wan21Cards["i2v-14b-720p"],
  wan22Cards["ti2v-5b"],
  wan22Cards["t2v-a14b"],
  wan22Cards["i2v-a14b"],
  flux1Card,
  cogVideoX15Cards.t2v,
  cogVideoX15Cards.i2v,
];

/** The names of all models. */
export const modelNames: readonly string[] = models.map(({ name }) => name);

/** The facts of a model by name; case does not matter. @throws RangeError that lists the names. */
export function findModel(name: string): ModelCard {
  const found = models.find((card) => card.name === name.toLowerCase());
  if (found) return found;
  throw new RangeError(`unknown model "${name}"; models are ${modelNames.join(", ")}`);
}

/** The adapter of a model by name. */
export const createModel = (name: string, options: AdapterOptions = {}): ModelAdapter =>
  new ModelAdapter(findModel(name), options);
