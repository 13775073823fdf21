import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The fenced `ts` blocks of a README, in order. */
export const examplesOf = (readme: string): string[] =>
  [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]);

/**
 * Runs a README's `ts` example (the first, or the one at `index`) as it stands and returns what it exports or logs.
 *
 * The file lives inside the package for the run, so that the example's imports resolve as they would for a user of it.
 */
export async function runReadme(packageDirectory: string, index = 0): Promise<string[]> {
  const example = examplesOf(readFileSync(join(packageDirectory, "README.md"), "utf8"))[index];
  if (!example) throw new Error(`${packageDirectory}/README.md has no ts example ${index}`);
  const tests = join(packageDirectory, "test");
  const directory = mkdtempSync(join(existsSync(tests) ? tests : packageDirectory, ".example-"));
  const lines: string[] = [];
  const log = console.log;
  try {
    const file = join(directory, "example.ts");
    writeFileSync(file, example);
    console.log = (...args: unknown[]) => void lines.push(args.map(String).join(" "));
    await import(/* @vite-ignore */ pathToFileURL(file).href);
    return lines;
  } finally {
    console.log = log;
    rmSync(directory, { recursive: true, force: true });
  }
}
