import { DEFAULTS, RULES, type Settings } from "./settings.js";

/** Grows when the meaning of a setting changes, so that an old link is not read as something else. */
const VERSION = "1";

export type Route = "explore" | "explain" | "bench" | "check";
export const ROUTES: readonly Route[] = ["explore", "explain", "bench", "check"];

export interface Link {
  readonly route: Route;
  readonly settings: Settings;
  /** What could not be read, in words for the visitor. */
  readonly problems: readonly string[];
}

/** The part of the address behind `#`: the page and every setting that differs from its default. */
export function encodeLink(route: Route, settings: Settings): string {
  const query = new URLSearchParams({ v: VERSION });
  for (const name of Object.keys(RULES) as (keyof Settings)[]) {
    const value = settings[name];
    if (value !== DEFAULTS[name]) query.set(name, typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  }
  return `#/${route}?${query}`;
}

/** Reads a link; whatever is wrong falls back to its default and is named. */
export function decodeLink(hash: string): Link {
  const [path, text = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const route = ROUTES.find((name) => name === path) ?? "explore";
  const query = new URLSearchParams(text);
  const version = query.get("v");
  if (version !== null && version !== VERSION)
    return {
      route,
      settings: DEFAULTS,
      problems: [`This link was made by another version of the page (${version}); its settings were not used.`],
    };
  const problems: string[] = [];
  const settings: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of query) {
    if (name === "v") continue;
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof Settings] : undefined;
    const parsed = rule?.(value);
    if (parsed === undefined) problems.push(`The link's setting ${name}=${value} was not understood and is left out.`);
    else settings[name] = parsed;
  }
  return { route, settings: settings as unknown as Settings, problems };
}
