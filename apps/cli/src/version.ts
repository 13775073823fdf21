import { readFileSync } from "node:fs";

/** The version of this package. The manifest lies above this file in the sources and in the built program alike. */
export const version: string = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
