import { type Device, type FloatDType, HostTensor, SpaAttnError, type Tensor, type Value } from "@spaattn/core";
import type { Probe } from "@spaattn/networks";
import type { Builder } from "@spaattn/nn";
import { type Folder, openSafetensors, openWeights, readJson } from "@spaattn/weights";
import { Network } from "../generate/network.js";
import { WeightStore } from "../generate/weight-store.js";
import type { Tensors } from "./check.js";

export interface VerifyContext {
  readonly device: Device;
  readonly dtype: FloatDType;
  /** The folder of one model. */
  readonly folder: Folder;
  readonly signal?: AbortSignal;
}

export interface GoldenFile {
  readonly tensors: Tensors;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Coarser compute has a coarser limit. */
export const limitFor = ({ dtype }: VerifyContext, limit: number): number =>
  dtype === "f32" ? limit : Math.max(limit, 2e-2);

/** Everything in a golden file; undefined where there is none. */
export async function readGoldenFile(folder: Folder, path: string): Promise<GoldenFile | undefined> {
  const source = await folder.open(path);
  if (!source) return undefined;
  try {
    const file = await openSafetensors(source);
    const tensors = new Map<string, HostTensor>();
    for (const name of file.names) tensors.set(name, await file.tensor(name));
    return { tensors, metadata: file.metadata };
  } finally {
    await source.close?.();
  }
}

export async function readConfig(folder: Folder): Promise<Readonly<Record<string, unknown>>> {
  const config = await readJson(folder, "config.json");
  if (config) return config;
  throw new SpaAttnError("FileAccess", `${folder.name}: there is no config.json.`, {
    remedy: "Give the whole folder.",
  });
}

/** The weights of the model in the folder, for as long as `use` takes. */
export async function withStore<T>(
  { folder, device }: VerifyContext,
  use: (store: WeightStore) => Promise<T>,
): Promise<T> {
  const store = await WeightStore.open(await openWeights(folder), device);
  try {
    return await use(store);
  } finally {
    await store.dispose();
  }
}

type Record_ = (g: Builder, input: (name: string) => Value, probe: Probe) => Readonly<Record<string, Value>>;

/**
 * Records a network, runs it and returns its results and everything it showed to the probe.
 *
 * @param states what goes on from run to run
 */
export async function show(
  { device, dtype, signal }: VerifyContext,
  store: WeightStore,
  inputs: Readonly<Record<string, HostTensor>>,
  record: Record_,
  states: Map<string, Tensor> = new Map(),
): Promise<Map<string, HostTensor>> {
  let names: string[] = [];
  const network = await Network.create(
    device,
    store,
    (g) => {
      const seen = new Map<string, Value>();
      const results = record(
        g,
        (name) => g.input(name, inputs[name].dtype, inputs[name].shape),
        (name, value) => seen.set(name, value),
      );
      for (const [name, value] of Object.entries(results)) seen.set(name, value);
      names = [...seen.keys()];
      for (const [name, value] of seen) g.output(`out/${name}`, value);
    },
    { dtype, states },
  );
  try {
    for (const [name, { shape, data }] of Object.entries(inputs)) await network.set(name, shape, data as Float32Array);
    await network.run(signal ? { signal } : {});
    const shown = new Map<string, HostTensor>();
    for (const name of names) {
      const { shape } = network.plan.values[`out/${name}`];
      shown.set(name, new HostTensor("f32", shape, await network.read(`out/${name}`)));
    }
    return shown;
  } finally {
    network.dispose();
  }
}
