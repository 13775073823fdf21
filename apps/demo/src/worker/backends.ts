import type { Backend, BackendProvider } from "@spaattn/attention";
import { cpu } from "@spaattn/backend-cpu";
import type { Settings } from "../state/settings.js";
import type { BackendName, BackendStatus } from "./protocol.js";

// Loaded when first probed or used: a browser without WebGPU needs no shaders.
const PROVIDERS: Record<BackendName, () => Promise<BackendProvider>> = {
  webgpu: async () => (await import("@spaattn/backend-webgpu")).webgpu,
  cpu: async () => cpu,
};

/** The backends of this browser, probed once and created when first used. */
export class Backends {
  #statuses: Promise<readonly BackendStatus[]> | undefined;
  readonly #created = new Map<BackendName, Promise<Backend>>();

  statuses(): Promise<readonly BackendStatus[]> {
    this.#statuses ??= Promise.all((Object.keys(PROVIDERS) as BackendName[]).map(probe));
    return this.#statuses;
  }

  /** The backend a setting names: with "auto" WebGPU where there is one, WASM otherwise. */
  async choose(wanted: Settings["backend"]): Promise<BackendName> {
    if (wanted !== "auto") return wanted;
    const list = await this.statuses();
    return list.find(({ name, available }) => name === "webgpu" && available) ? "webgpu" : "cpu";
  }

  async device(name: BackendName): Promise<string> {
    return (await this.statuses()).find((status) => status.name === name)?.text ?? "";
  }

  get(name: BackendName): Promise<Backend> {
    let backend = this.#created.get(name);
    if (!backend) {
      backend = PROVIDERS[name]().then((provider) => provider.create());
      this.#created.set(name, backend);
      // A failed creation is not kept: the next try may succeed.
      backend.catch(() => this.#created.delete(name));
    }
    return backend;
  }

  /** Forgets a backend whose device was lost, so that the next use makes it anew. */
  forget(name: BackendName): void {
    const backend = this.#created.get(name);
    this.#created.delete(name);
    this.#statuses = undefined;
    backend?.then((it) => it.dispose()).catch(() => {});
  }
}

async function probe(name: BackendName): Promise<BackendStatus> {
  const result = await (await PROVIDERS[name]()).probe();
  return result.available
    ? { name, available: true, text: result.device, remedy: "" }
    : { name, available: false, text: sentence(result.reason), remedy: REMEDIES[name] };
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

// The providers' own remedies speak to programmers.
const REMEDIES: Record<BackendName, string> = {
  webgpu:
    "WebGPU needs a current browser, a graphics driver it trusts, and a page served over https. Until then WASM computes the same, more slowly.",
  cpu: "Use a current browser.",
};
