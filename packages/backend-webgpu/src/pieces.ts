import type { Compiled, PlacedCommand } from "./compile.js";
import type { Device } from "./device.js";

/** Dispatches of one operation, in a pass of their own where passes are timed. */
export interface Pass {
  readonly operation: number;
  readonly first: number;
  readonly end: number;
}

/** Dispatches that are submitted together. */
export interface Piece {
  readonly first: number;
  readonly end: number;
  readonly flops: number;
  /** Name of the segment, or of the operation where there are no segments. */
  readonly stage: string;
  /** The segment that begins here. */
  readonly segment?: number;
  readonly passes: readonly Pass[];
}

/** Dispatches of one submission at most: encoding goes on while the device works. */
const MOST_COMMANDS = 256;
/** Operations that are submitted one by one where the device has no clock, so that each can be timed. */
export const MOST_TIMED_BY_HOST = 64;

/** Cuts a program so that no submission takes much more work than one dispatch may, and segments begin a new one. */
export function cutPieces(device: Device, { commands, placement }: Compiled): Piece[] {
  const { operations, segments } = placement;
  const alone = !device.hasTimestamps && operations.length <= MOST_TIMED_BY_HOST;
  const pieces: Piece[] = [];
  let first = 0;
  let flops = 0;
  let last = -1;
  const segmentOf = (operation: number) => segments.findIndex(({ first: f, end }) => operation >= f && operation < end);
  const close = (end: number) => {
    if (end === first) return;
    const segment = segmentOf(commands[first].operation);
    pieces.push({
      first,
      end,
      flops,
      stage: segments[segment]?.name ?? operations[commands[first].operation].op,
      ...(segment >= 0 && segment !== last ? { segment } : {}),
      passes: passesOf(commands, first, end),
    });
    last = segment;
    first = end;
    flops = 0;
  };
  commands.forEach((command, i) => {
    const { operation } = command;
    const before = i > 0 ? commands[i - 1].operation : operation;
    const isNew = operation !== before;
    if (
      (i > first && flops + command.flops > device.maxDispatchFlops) ||
      i - first >= MOST_COMMANDS ||
      (isNew && (alone || segmentOf(operation) !== segmentOf(before)))
    )
      close(i);
    flops += command.flops;
  });
  close(commands.length);
  return pieces;
}

function passesOf(commands: readonly PlacedCommand[], first: number, end: number): Pass[] {
  const passes: Pass[] = [];
  for (let i = first; i < end; i++) {
    const { operation } = commands[i];
    const last = passes[passes.length - 1];
    if (last?.operation === operation) passes[passes.length - 1] = { ...last, end: i + 1 };
    else passes.push({ operation, first: i, end: i + 1 });
  }
  return passes;
}
