import { MODES } from "@spaattn/lab";
import type { App } from "../state/app.js";
import { selectionOf } from "../state/lab-options.js";

function download(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const baseName = (app: App): string => (app.name || "spaattn").replace(/\.\w+$/, "");

/** The numbers on the page in the shape of `spaattn compare --json`. */
export function saveJson(app: App): void {
  const report = {
    input: app.name,
    backend: app.info?.backend.name,
    device: app.info?.backend.device,
    settings: { ...app.settings, ...selectionOf(app.settings) },
    notes: app.info?.notes ?? [],
    rows: MODES.flatMap((mode) => app.views.get(mode)?.row ?? []),
    curve: app.points,
  };
  download(`${baseName(app)}.json`, new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }));
}

/** The mask of the shown mode as a PGM-like plain JSON of block lists per head and query block. */
export function saveMask(app: App): void {
  const { maps } = app;
  if (!maps) return;
  const { heads, blocks: n, mask, mode } = maps;
  const lists = Array.from({ length: heads }, (_, head) =>
    Array.from({ length: n }, (_, row) => {
      const start = (head * n + row) * n;
      return Array.from({ length: n }, (_, column) => column).filter((column) => mask[start + column]);
    }),
  );
  const { blockSize } = app.settings;
  const text = JSON.stringify({ mode, blockSize, blocks: n, heads, selected: lists });
  download(`${baseName(app)}-mask.json`, new Blob([text], { type: "application/json" }));
}

/** All pictures on the page in one PNG: the four modes side by side, with their names. */
export async function savePng(app: App): Promise<void> {
  const canvases = [...document.querySelectorAll<HTMLCanvasElement>(".tile canvas.frame, .maps canvas")];
  const width = Math.max(1, ...canvases.map((canvas) => canvas.width));
  const sheet = document.createElement("canvas");
  const rows = [canvases.filter((it) => it.matches(".frame")), canvases.filter((it) => !it.matches(".frame"))].filter(
    (row) => row.length > 0,
  );
  const heights = rows.map((row) => Math.max(...row.map((canvas) => (canvas.height * width) / canvas.width)) + 36);
  sheet.width = Math.max(...rows.map((row) => row.length)) * (width + 12) + 12;
  sheet.height = heights.reduce((sum, height) => sum + height, 24);
  const context = sheet.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.font = "18px system-ui, sans-serif";
  let y = 12;
  for (const [i, row] of rows.entries()) {
    for (const [j, canvas] of row.entries()) {
      const x = 12 + j * (width + 12);
      context.fillStyle = "#1b1e23";
      context.fillText(canvas.getAttribute("aria-label")?.split(":")[0].split(" of every")[0] ?? "", x, y + 20);
      context.drawImage(canvas, x, y + 28, width, (canvas.height * width) / canvas.width);
    }
    y += heights[i];
  }
  const blob = await new Promise<Blob | null>((resolve) => sheet.toBlob(resolve));
  if (blob) download(`${baseName(app)}.png`, blob);
}
