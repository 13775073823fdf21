import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "./errors.js";

/** Parses numbers of an option; what it refuses becomes a usage error. */
const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return value;
};

export const share = (text: string): number => {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError(`"${text}" is not between 0 and 1.`);
  return value;
};

export const positiveInteger = (text: string): number => {
  const value = number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError(`"${text}" is not a positive integer.`);
  return value;
};

export const nonNegativeInteger = (text: string): number => (text.trim() === "0" ? 0 : positiveInteger(text));

export const positiveNumber = (text: string): number => {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError(`"${text}" is not a positive number.`);
  return value;
};

export const nonNegativeNumber = (text: string): number => (number(text) === 0 ? 0 : positiveNumber(text));

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };
const BINARY: Readonly<Record<string, number>> = { kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

/** `12GB`, `800 MiB` or plain bytes. */
export const byteSize = (text: string): number => {
  const [, value = "", unit = ""] = text.trim().match(/^([\d.]+)\s*([a-z]*)$/i) ?? [];
  const factor = { ...UNITS, ...BINARY, "": 1 }[unit.toLowerCase()];
  if (factor === undefined || !(Number(value) > 0))
    throw new InvalidArgumentError(`"${text}" is not an amount of memory like 12GB or 800MiB.`);
  return Math.floor(Number(value) * factor);
};

/** A comma-separated list; the option may be repeated. */
export const listOf =
  <T>(parse: (text: string) => T) =>
  (text: string, before?: readonly T[]): readonly T[] => [
    ...(before ?? []),
    ...text.split(",").map((part) => parse(part.trim())),
  ];

export const oneOf =
  <T extends string>(...allowed: readonly T[]) =>
  (text: string): T => {
    if (!(allowed as readonly string[]).includes(text))
      throw new InvalidArgumentError(`Allowed are ${allowed.join(", ")}, not "${text}".`);
    return text as T;
  };

/** 64 or 128: what kernels are made for. */
export const size64or128 = (text: string): 64 | 128 => Number(oneOf("64", "128")(text)) as 64 | 128;

/** `21x45x80` or `21,45,80`: frames, rows, columns of tokens. */
export const grid = (text: string): readonly [number, number, number] => {
  const sizes = text.split(/[x,]/);
  if (sizes.length !== 3)
    throw new InvalidArgumentError(`"${text}" is not a grid like 21x45x80 (frames, rows, columns).`);
  return sizes.map(positiveInteger) as [number, number, number];
};

/** An integer or "all". */
export const groupSize = (text: string): number | "all" => (text === "all" ? "all" : positiveInteger(text));

export const jsonOption = new Option("--json", "print JSON, errors included");

export const backendOption = new Option(
  "--backend <name>",
  "cpu, webgpu, cuda, reference, an npm package or ./file.js",
).default("cpu");

/** `--threads` of every command that attends. */
export const threadsOption = new Option(
  "--threads <n>",
  "worker threads of the cpu backend (default: one per core)",
).argParser(positiveInteger);

/** Adds the options that say how to read arrays of other tools. */
export const withArrays = (command: Command): Command =>
  command
    .optionsGroup("Arrays of other tools (npy, npz, safetensors without metadata):")
    .addOption(
      new Option("--layout <axes>", "bhtd: [batch, heads, tokens, dim] (default); bthd: heads behind tokens").choices([
        "bhtd",
        "bthd",
      ]),
    )
    .option("--grid <txhxw>", "token grid of the visual tokens, row-major", grid)
    .option("--text-tokens <n>", "text tokens of the sequence (default: 0)", nonNegativeInteger)
    .option("--text-first", "text stands in front of the visual tokens");

/** A softmax scale: any number but 0. */
export const scale = (text: string): number => {
  const value = number(text);
  if (value === 0) throw new InvalidArgumentError("A scale of 0 makes every weight equal.");
  return value;
};

/** Options that say what is selected, the same for every command that attends. */
export interface SelectionFlags {
  readonly coverMass?: number;
  readonly neighbours?: boolean;
  readonly firstFrame?: "sink" | "dense";
  readonly strata?: "local" | "eigen" | "contiguous";
  readonly strataPerBlock?: number;
  readonly group?: number | "all";
  readonly scope?: "call" | "head" | "row";
  readonly levels?: readonly number[];
}

/** Adds the options of `SelectionFlags`. */
export const withSelection = (command: Command): Command =>
  command
    .option("--cover-mass <p>", "probability mass to cover at least (the paper's p)", share)
    .option("--neighbours", "also compute blocks that touch the query block on the grid")
    .option("--first-frame <how>", "also compute the first frame: sink or dense", oneOf("sink", "dense"))
    .addOption(
      new Option("--strata <kind>", "tail: how keys are split inside a block").choices([
        "local",
        "eigen",
        "contiguous",
      ]),
    )
    .option("--strata-per-block <n>", "tail: summaries per block (1, 2, 4, 8)", positiveInteger)
    .option("--group <n>", 'tail: query blocks per anchor, or "all"', groupSize)
    .addOption(new Option("--scope <rows>", "levels: what shares a budget").choices(["call", "head", "row"]))
    .option("--levels <list>", "levels: the levels to choose from (default: 0,1,2,3,4,5)", listOf(nonNegativeInteger));

/** The tail options among the flags, where there are any. */
export function tailOptions({ strata, strataPerBlock, group }: SelectionFlags) {
  const given = Object.entries({ strata, strataPerBlock, group }).filter(([, value]) => value !== undefined);
  return given.length > 0 ? { tail: Object.fromEntries(given) } : {};
}

/** The options of rectify "levels" among the flags, where there are any. */
export function levelsOptions({ scope, levels }: SelectionFlags) {
  const given = Object.entries({ scope, levels }).filter(([, value]) => value !== undefined);
  return given.length > 0 ? { levels: Object.fromEntries(given) } : {};
}

interface ModeFlags extends SelectionFlags {
  readonly rectify?: string;
  readonly dense?: boolean;
  readonly dropRate?: readonly number[];
  readonly budget?: number | readonly number[];
  readonly modes?: readonly string[];
  readonly preset?: string;
}

/** Refuses options that would do nothing beside the others: whoever wrote them meant something. */
export function checkModeOptions(flags: ModeFlags): void {
  const option = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const first = (names: readonly (keyof ModeFlags)[]) => names.find((name) => flags[name] !== undefined);
  const selection = first(["dropRate", "budget", "preset", "coverMass", "neighbours", "firstFrame"]);
  const tail = first(["strata", "strataPerBlock", "group"]);
  const levels = first(["scope", "levels"]);
  const useless = selection ?? tail ?? levels;
  if (flags.dense && useless)
    throw new UsageError(`${option(useless)} and --dense exclude each other: every block is computed.`);
  const hasTail = flags.modes ? flags.modes.includes("tail") : (flags.rectify ?? "tail") === "tail";
  if (tail && !hasTail) throw new UsageError(`${option(tail)} applies to tail, which is not asked for.`);
  const hasLevels = flags.modes
    ? flags.modes.includes("levels")
    : flags.budget !== undefined || flags.rectify === "levels";
  if (levels && !hasLevels) throw new UsageError(`${option(levels)} applies to levels, which are not asked for.`);
}
