import { stripVTControlCharacters } from "node:util";

export interface Column {
  readonly title: string;
  /** Default right: most columns are numbers. */
  readonly align?: "left" | "right";
}

/** Lines of a plain table: titles, then one line a row. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, i) => Math.max(visible(title), ...rows.map((row) => visible(row[i]))));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const space = " ".repeat(widths[i] - visible(cell));
        return columns[i].align === "left" ? cell + space : space + cell;
      })
      .join("  ")
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

const visible = (text: string): number => [...stripVTControlCharacters(text)].length;
