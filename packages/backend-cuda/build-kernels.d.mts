/** What ptxas reports of one entry point on one target. */
export interface Resources {
  spills: number;
  registers: number;
  sharedBytes: number;
  parameterBytes?: number;
}
export const SOURCES: Readonly<Record<string, { file: string; targets: string[]; flags: string[] }>>;
export function compilerVersion(): string | undefined;
export function compile(name: string): {
  image: Uint8Array;
  resources: Record<string, Record<string, Resources>>;
  log: string;
};
export function resourcesOf(report: string): Record<string, Record<string, Resources>>;

/** A hash of everything a module is made from: its source, what that includes, targets and flags. */
export function sourceHash(name: string): string;
