import { expect, it } from "vitest";
import { blockListRow, writeBlockLists } from "../src/index.js";

const lists = (rows: number, stride: number) => ({
  counts: new Int32Array(rows),
  indices: new Int32Array(rows * stride).fill(-1),
  stride,
});

it("lists ascending blocks with text behind them", () => {
  const out = lists(3, 4);
  writeBlockLists(Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 1, 0), 2, out);
  expect([...out.counts]).toEqual([4, 2, 3]);
  expect([0, 1, 2].map((row) => [...blockListRow(out, row)])).toEqual([
    [0, 2, 3, 4],
    [3, 4],
    [1, 3, 4],
  ]);
});

it("refuses a row that does not fit", () => {
  expect(() => writeBlockLists(Uint8Array.of(1, 1, 1, 1), 1, lists(2, 2))).toThrow(
    new RangeError("row 0 selects 3 blocks, but its list has 2 slots"),
  );
});
