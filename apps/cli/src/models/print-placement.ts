import { bytes, count, flop } from "../terminal/format.js";
import { formatTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { type ForwardPlacement, WEBGPU_BINDING } from "./placement.js";

/** One placed forward as text: what it takes, and where its work is. */
export function printPlacement(terminal: Terminal, placement: ForwardPlacement): void {
  const { title, size, dtype, tokens, step } = placement;
  const frames = size.frames > 1 ? `, ${size.frames} frames` : "";
  terminal.print(
    `${terminal.style("bold", title)}  one forward in ${dtype}: ${size.width}x${size.height} pixels${frames}`,
  );
  terminal.print();
  for (const [name, value] of facts(placement)) terminal.print(`${name.padEnd(15)}${value}`);
  terminal.print(`${"tokens".padEnd(15)}${count(tokens)}; attention as in step ${step}`);
  terminal.print();
  const columns = [
    { title: "operation", align: "left" as const },
    { title: "count" },
    { title: "work" },
    { title: "moves" },
  ];
  const rows = Object.entries(placement.byOperation)
    .sort(([, a], [, b]) => b.flop - a.flop || b.bytes - a.bytes)
    .map(([op, each]) => [op, count(each.count), flop(each.flop), bytes(each.bytes)]);
  for (const line of formatTable(columns, rows)) terminal.print(line);
}

function facts(placement: ForwardPlacement): [string, string][] {
  const { operations, segments, weightBytes, ioBytes, peakActivationBytes, leastActivationBytes } = placement;
  const { slots, largestValueBytes, chunks } = placement;
  const fits =
    largestValueBytes <= WEBGPU_BINDING ? "fits in a binding of WebGPU" : "is too large for a binding of WebGPU";
  return [
    ["operations", `${count(operations)} in ${count(segments)} segments, ${flop(placement.flop)}`],
    ["weights", bytes(weightBytes)],
    [
      "activations",
      `${bytes(peakActivationBytes)} in ${count(slots)} slots (alive at once: ${bytes(leastActivationBytes)})`,
    ],
    ["largest value", `${bytes(largestValueBytes)}, ${fits}`],
    ["in and out", bytes(ioBytes)],
    ...(chunks.length > 0
      ? [
          ["rows", `${[...new Set(chunks)].map(count).join(", ")} tokens at a time in feed-forwards`] as [
            string,
            string,
          ],
        ]
      : []),
  ];
}
