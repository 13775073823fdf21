/** Everything a visitor can set, and a share link holds. */
export interface Settings {
  /** The rectification whose blocks the map shows. */
  readonly mode: "none" | "paper" | "tail";
  readonly dropRate: number;
  /** The paper's p; 0 keeps a fixed number of blocks per row. */
  readonly coverMass: number;
  readonly blockSize: 64 | 128;
  readonly neighbours: boolean;
  readonly firstFrame: "off" | "sink" | "dense";
  readonly curve: "hilbert" | "raster";
  /** Strata per block in tail mode. */
  readonly strata: 1 | 2 | 4 | 8;
  /** At most so many tokens are cut from a clip. */
  readonly tokens: number;
  readonly heads: number;
  readonly backend: "auto" | "webgpu" | "cpu";
  /** The head that is looked at. */
  readonly head: number;
  /** The picked token in raster order; -1 picks the one that plain sparse attention gets most wrong. */
  readonly token: number;
}

export const DEFAULTS: Settings = {
  mode: "tail",
  dropRate: 0.8,
  coverMass: 0,
  blockSize: 64,
  neighbours: false,
  firstFrame: "off",
  curve: "hilbert",
  strata: 4,
  tokens: 3072,
  heads: 8,
  backend: "auto",
  head: 0,
  token: -1,
};

type Rule<T> = (text: string) => T | undefined;

const oneOf =
  <T extends string | number>(...values: readonly T[]): Rule<T> =>
  (text) =>
    values.find((value) => String(value) === text);

const number =
  (low: number, high: number, integer = false): Rule<number> =>
  (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < low || value > high) return undefined;
    return integer && !Number.isInteger(value) ? undefined : value;
  };

const flag: Rule<boolean> = (text) => (text === "1" ? true : text === "0" ? false : undefined);

/** How each setting is read from text; undefined means that the text is wrong. */
export const RULES: { readonly [K in keyof Settings]: Rule<Settings[K]> } = {
  mode: oneOf("none", "paper", "tail"),
  dropRate: number(0, 0.99),
  coverMass: number(0, 0.99),
  blockSize: oneOf(64, 128),
  neighbours: flag,
  firstFrame: oneOf("off", "sink", "dense"),
  curve: oneOf("hilbert", "raster"),
  strata: oneOf(1, 2, 4, 8),
  tokens: number(256, 16384, true),
  heads: number(1, 16, true),
  backend: oneOf("auto", "webgpu", "cpu"),
  head: number(0, 127, true),
  token: number(-1, 1e6, true),
};

const textOf = (value: Settings[keyof Settings]): string =>
  typeof value === "boolean" ? (value ? "1" : "0") : String(value);

/** What decides the inputs: another value needs new queries, keys and values, and a new dense run. */
export const inputKey = (s: Settings): string => [s.blockSize, s.curve, s.tokens, s.heads].map(textOf).join(" ");

/** What decides the sparse runs, besides the inputs. */
export const selectionKey = (s: Settings): string =>
  [s.dropRate, s.coverMass, s.neighbours, s.firstFrame, s.strata].map(textOf).join(" ");

/** What decides the curve of error against density: the selection without its drop rate. */
export const curveKey = (s: Settings): string =>
  [s.coverMass, s.neighbours, s.firstFrame, s.strata].map(textOf).join(" ");
