export interface Paintable {
  readonly isConnected: boolean;
  paint(): void;
}

/** Time for painting in one frame, in milliseconds; what is left waits for the next frame. */
const BUDGET = 8;

const waiting = new Set<Paintable>();
let asked = false;

/**
 * Paints before one of the next frames, once however often it is asked for.
 *
 * Together, because measuring one canvas right after changing another would lay the page out again each time; within a
 * budget, because slow machines must stay responsive.
 */
export function queuePaint(view: Paintable): void {
  waiting.add(view);
  ask();
}

function ask(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(run);
}

function run(): void {
  asked = false;
  const end = performance.now() + BUDGET;
  for (const view of waiting) {
    waiting.delete(view);
    if (view.isConnected) view.paint();
    if (performance.now() > end) break;
  }
  if (waiting.size > 0) ask();
}
