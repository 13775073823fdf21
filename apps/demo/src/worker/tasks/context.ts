import type { WorkerEvent } from "../protocol.js";
import type { Session } from "../session.js";

/** What every task gets: the session, its cancellation, and a way to report. */
export interface TaskContext {
  readonly session: Session;
  readonly signal: AbortSignal;
  emit(event: WorkerEvent, transfer?: Transferable[]): void;
}

/** Lower comes first when several tasks wait for the device. */
export const PRIORITY = { explore: 0, row: 1, explain: 2, maps: 3, curve: 4, check: 5, bench: 5 } as const;
