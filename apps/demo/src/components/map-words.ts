import { html, type TemplateResult } from "lit";
import { percent } from "../format.js";
import type { BlockMaps } from "../worker/protocol.js";

export const KINDS = ["mass", "probabilities", "mask", "gain"] as const;
export type Kind = (typeof KINDS)[number];

export const TITLES: Record<Kind, string> = {
  mass: "True mass",
  probabilities: "Estimated mass",
  mask: "Computed",
  gain: "Passes gain test",
};

/** Query block and key block. */
export interface Cell {
  readonly row: number;
  readonly column: number;
}

function valueAt(maps: BlockMaps, head: number, kind: Kind, { row, column }: Cell): number {
  const n = maps.blocks;
  return maps[kind][(Math.min(head, maps.heads - 1) * n + row) * n + column];
}

/** What the maps show at a cell, in one spoken sentence. */
export function readout(maps: BlockMaps, head: number, cell: Cell): string {
  const at = (kind: Kind) => valueAt(maps, head, kind, cell);
  return (
    `Query block ${cell.row}, key block ${cell.column}: true mass ${percent(at("mass"), 2)}, estimated ${percent(at("probabilities"), 2)}, ` +
    `${at("mask") ? "computed" : "skipped"}, gain test ${at("gain") ? "passed" : "failed"}.`
  );
}

/** A query block's row as a table: what the pictures show, in numbers. */
export function rowTable(maps: BlockMaps, head: number, row: number): TemplateResult {
  const at = (kind: Kind, column: number) => valueAt(maps, head, kind, { row, column });
  const columns = Array.from({ length: maps.blocks }, (_, i) => i)
    .sort((a, b) => at("mass", b) - at("mass", a))
    .slice(0, 12);
  return html`
    <details class="behind">
      <summary>Query block ${row} as a table</summary>
      <table>
        <caption>The key blocks with the largest true mass, twelve at most</caption>
        <thead>
          <tr><th scope="col">Key block</th>${KINDS.map((kind) => html`<th scope="col">${TITLES[kind]}</th>`)}</tr>
        </thead>
        <tbody>
          ${columns.map(
            (column) => html`
              <tr>
                <th scope="row">${column}</th>
                <td>${percent(at("mass", column), 2)}</td>
                <td>${percent(at("probabilities", column), 2)}</td>
                <td>${at("mask", column) ? "yes" : "no"}</td>
                <td>${at("gain", column) ? "yes" : "no"}</td>
              </tr>
            `,
          )}
        </tbody>
      </table>
    </details>
  `;
}
