import { SpaAttnError } from "@spaattn/core";

/** sharp is an optional dependency: it is loaded where a picture is really read or written. */
export async function loadSharp() {
  try {
    return (await import("sharp")).default;
  } catch (cause) {
    throw new SpaAttnError("Unsupported", "Images cannot be read or written: the package sharp is not installed.", {
      remedy: "Run `npm install sharp`.",
      cause,
    });
  }
}
