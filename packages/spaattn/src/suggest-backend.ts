import { KNOWN_BACKENDS } from "./known-backends.js";

/** What people call the backends besides their names. */
const ALIASES: Readonly<Record<string, string>> = {
  wasm: "cpu",
  simd: "cpu",
  gpu: "webgpu",
  wgsl: "webgpu",
  dawn: "webgpu",
  vulkan: "webgpu",
  nvidia: "cuda",
  oracle: "reference",
};

/** The known backend that a name most likely stands for; undefined when none is near. */
export function suggestBackend(name: string): string | undefined {
  const wanted = name.toLowerCase();
  if (Object.hasOwn(ALIASES, wanted)) return ALIASES[wanted];
  const ranked = KNOWN_BACKENDS.map((known) => ({ name: known.name, far: editDistance(wanted, known.name) }));
  const nearest = ranked.sort((a, b) => a.far - b.far)[0];
  return nearest.far <= Math.floor(nearest.name.length / 3) ? nearest.name : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  return rows[a.length][b.length];
}
