import type { SelectionOptions } from "@spaattn/lab";
import type { Settings } from "./settings.js";

/** The lab's options for a page's settings; the same the command line makes of its flags. */
export const selectionOf = (settings: Settings): SelectionOptions => ({
  coverMass: settings.coverMass,
  neighbours: settings.neighbours,
  firstFrame: settings.firstFrame === "off" ? false : settings.firstFrame,
  tail: { strataPerBlock: settings.strata },
});
