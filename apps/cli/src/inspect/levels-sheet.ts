import { EXACT } from "@spaattn/attention";

/** Exact blocks, then the levels from the finest: dark to pale, safe for colour-blind readers. */
const COLOURS = ["#1b1b1b", "#00204d", "#31446b", "#666970", "#958f78", "#cbba69", "#ffea46"];
const CELL = 6;
const GAP = 18;
const TOP = 40;

/** What one head chose, `[n, n]`. */
export interface HeadChoice {
  readonly title: string;
  readonly choice: Uint8Array;
}

/** Draws which level was chosen where, a map per head (rows are query blocks), with a legend: a whole SVG file. */
export function levelsSheet(heads: readonly HeadChoice[], blocks: number, depth: number): string {
  const perRow = Math.min(heads.length, 4);
  const size = blocks * CELL;
  const width = perRow * (size + GAP) + GAP;
  const rows = Math.ceil(heads.length / perRow);
  const height = TOP + rows * (size + GAP + 14) + 8;
  const maps = heads.map(({ title, choice }, at) => {
    const x = GAP + (at % perRow) * (size + GAP);
    const y = TOP + Math.floor(at / perRow) * (size + GAP + 14);
    return `<g transform="translate(${x} ${y})"><text y="-5">${escaped(title)}</text>${cells(choice, blocks, depth)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" role="img">`,
    "<title>How finely each pair of blocks is attended: rows are query blocks, columns key blocks</title>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    legend(depth),
    ...maps,
    "</svg>\n",
  ].join("\n");
}

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c] ?? c);

/** The colour of a choice: exact darkest, level 0 palest. */
function colourOf(choice: number, depth: number): string {
  if (choice === EXACT) return COLOURS[0];
  const last = COLOURS.length - 1;
  return COLOURS[depth === 0 ? last : 1 + Math.round(((depth - choice) * (last - 1)) / depth)];
}

/** One path per colour, made of horizontal runs: far smaller than a rectangle per pair. */
function cells(choice: Uint8Array, n: number, depth: number): string {
  const paths = new Map<string, string>();
  for (let row = 0; row < n; row++)
    for (let start = 0; start < n; ) {
      const own = choice[row * n + start];
      let end = start;
      while (end < n && choice[row * n + end] === own) end++;
      const colour = colourOf(own, depth);
      const run = `M${start * CELL} ${row * CELL}h${(end - start) * CELL}v${CELL}H${start * CELL}z`;
      paths.set(colour, (paths.get(colour) ?? "") + run);
      start = end;
    }
  return [...paths].map(([colour, path]) => `<path fill="${colour}" d="${path}"/>`).join("");
}

function legend(depth: number): string {
  const options = [EXACT, ...Array.from({ length: depth + 1 }, (_, i) => depth - i)];
  const name = (option: number) => (option === EXACT ? "exact" : String(2 ** option));
  const entries = options.map(
    (option, at) =>
      `<rect x="${at * 46}" width="10" height="10" fill="${colourOf(option, depth)}"/>` +
      `<text x="${at * 46 + 13}" y="9">${name(option)}</text>`,
  );
  return `<g transform="translate(${GAP} 8)">${entries.join("")}</g>`;
}
