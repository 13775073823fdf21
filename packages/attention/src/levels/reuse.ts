import type { Tensor } from "@spaattn/core";
import type { ResolvedSpec } from "../spec.js";

/** Where an attention call stands in a network: a choice made there is good for the next steps, and only there. */
export type Site = string | number;

/** Extras that exist only in runs that choose. */
const CHOOSING: readonly string[] = [
  ...["probe", "probeCount", "momentError", "probeError", "levelError", "outputPower", "multiplier"],
];

/** True when runs of this spec may take over a choice made before (levels.md section 4, "Reuse"). */
export const reusesChoices = ({ dense, rectify, levels, extras }: ResolvedSpec): boolean =>
  !dense && rectify === "levels" && levels.refresh > 1 && extras.every((name) => !CHOOSING.includes(name));

/** The choices of the last runs, one per site. */
export class Choices {
  readonly #kept = new Map<Site, { readonly choice: Tensor; runs: number }>();

  constructor(readonly refresh: number) {}

  /** The choice to use again at a site; undefined when it is time to choose. */
  take(site: Site): Tensor | undefined {
    const kept = this.#kept.get(site);
    if (!kept || kept.runs >= this.refresh) return undefined;
    kept.runs++;
    return kept.choice;
  }

  keep(site: Site, choice: Tensor): void {
    this.#kept.get(site)?.choice.dispose();
    this.#kept.set(site, { choice, runs: 1 });
  }

  dispose(): void {
    for (const { choice } of this.#kept.values()) choice.dispose();
    this.#kept.clear();
  }
}
