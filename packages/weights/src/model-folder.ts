import { SpaAttnError } from "@spaattn/core";
import { type Folder, readJson } from "./folder/folder.js";
import { malformed } from "./malformed.js";
import { openWeights, type WeightFiles } from "./weights/open.js";
import type { Weights } from "./weights/weights.js";

/** A component as `model_index.json` names it. */
export interface Component {
  /** `diffusers` or `transformers`. */
  readonly library: string;
  readonly className: string;
}

/** A pipeline in a folder, as diffusers saves it. */
export interface ModelFolder {
  readonly folder: Folder;
  /** `WanPipeline`, ... */
  readonly className: string;
  /** By name of the sub-folder; components declared absent are left out. */
  readonly components: ReadonlyMap<string, Component>;
  /** What else `model_index.json` holds: `boundary_ratio`, `expand_timesteps`, ... */
  readonly settings: Readonly<Record<string, unknown>>;
  /**
   * A component's configuration as it stands; missing keys take defaults that its class knows, not this package.
   *
   * @throws SpaAttnError FileAccess where there is none.
   */
  config(component: string): Promise<Readonly<Record<string, unknown>>>;
  /** The weights of a component. */
  weights(component: string, files?: Omit<WeightFiles, "path">): Promise<Weights>;
}

/** Configurations by the name they have in a component's folder. */
const CONFIGS = ["config.json", "scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json"];

/**
 * Opens a diffusers folder; reads `model_index.json` alone.
 *
 * @throws SpaAttnError FileAccess where it is missing, MalformedFile.
 */
export async function openFolder(folder: Folder): Promise<ModelFolder> {
  const index = await readJson(folder, "model_index.json");
  if (!index)
    throw new SpaAttnError("FileAccess", `${folder.name}: there is no model_index.json.`, {
      remedy: "Give the folder of a whole pipeline in the layout of diffusers.",
    });
  const { _class_name: className, ...rest } = index;
  const what = `${folder.name}/model_index.json`;
  if (typeof className !== "string") malformed(what, "_class_name is no text");
  const components = new Map<string, Component>();
  const settings: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    if (!isPair(value)) settings[key] = value;
    else if (typeof value[0] === "string" && typeof value[1] === "string")
      components.set(key, { library: value[0], className: value[1] });
  }
  return {
    folder,
    className,
    components,
    settings,
    config: (component) => readConfig(folder, component),
    weights: (component, files) => openWeights(folder, { ...files, path: component }),
  };
}

/** `[library, class]`, both null where the component is absent. */
const isPair = (value: unknown): value is [string | null, string | null] =>
  Array.isArray(value) && value.length === 2 && value.every((part) => part === null || typeof part === "string");

async function readConfig(folder: Folder, component: string): Promise<Record<string, unknown>> {
  for (const name of CONFIGS) {
    const config = await readJson(folder, `${component}/${name}`);
    if (config) return config;
  }
  throw new SpaAttnError("FileAccess", `${folder.name}/${component}: there is no configuration.`, {
    remedy: `Looked for ${CONFIGS.join(", ")}.`,
  });
}
