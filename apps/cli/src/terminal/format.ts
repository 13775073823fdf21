/** Numbers as people read them; the same in tables and reports. */

const NOT_FINITE = "not finite";

export const percent = (share: number, digits = 1): string =>
  Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : NOT_FINITE;

/** A figure that may be none. */
export const figure = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : NOT_FINITE;

/** PSNR: without bound where nothing differs, nothing where nothing can be said. */
export const decibels = ({ psnr, state }: { readonly psnr: number | null; readonly state: string }): string =>
  psnr !== null ? psnr.toFixed(1) : state === "equal" ? "∞" : "–";

export const milliseconds = (ms: number): string =>
  ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : ms >= 100 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;

export const times = (factor: number): string => `${factor.toFixed(2)}×`;

const scaled = (value: number, base: number, units: readonly string[]): string => {
  let [size, unit] = [value, 0];
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit++;
  }
  return `${unit === 0 ? size.toFixed(0) : size.toPrecision(3)} ${units[unit]}`.trim();
};

export const bytes = (value: number): string => scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

export const flop = (value: number): string =>
  scaled(value, 1000, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"]);

/** An integer with its thousands set apart. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
