/** Numbers as people read them; the same in tables and reports. */

export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

export const decibels = (psnr: number | null): string => (psnr === null ? "∞" : psnr.toFixed(1));

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
