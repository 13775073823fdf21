import type { Compute } from "./operation.js";

/** Rows of a table. */
export const embed: Compute<"embed"> = ({ in: { ids, table } }) => {
  const [rows, width] = table.shape;
  const y = new Float64Array(ids.raw.length * width);
  ids.raw.forEach((id: number, i: number) => {
    if (!(id >= 0 && id < rows)) throw new RangeError(`embed.ids[${i}] is ${id}, but the table has ${rows} rows`);
    y.set(table.part(id * width, width), i * width);
  });
  return { y };
};
