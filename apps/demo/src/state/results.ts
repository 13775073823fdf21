import type { CurvePoint, Mode } from "@spaattn/lab";
import type {
  BackendName,
  BackendStatus,
  BenchLine,
  BlockMaps,
  CheckLine,
  ClipView,
  ExplainView,
  InputInfo,
  ModeView,
  RowView,
  Task,
  WorkerEvent,
} from "../worker/protocol.js";
import { Playback } from "./playback.js";

/** A long list of results with its progress. */
export interface Report<Line> {
  readonly backend: BackendName;
  readonly lines: readonly Line[];
  readonly share: number;
  readonly running: boolean;
}

/** Everything the worker has sent. */
export class Results {
  backends: readonly BackendStatus[] = [];
  clip: ClipView | undefined;
  name = "";
  info: InputInfo | undefined;
  readonly views = new Map<Mode, ModeView>();
  /** Modes whose results belong to earlier settings. */
  readonly stale = new Set<Mode>();
  maps: BlockMaps | undefined;
  row: RowView | undefined;
  points: readonly CurvePoint[] = [];
  explain: ExplainView | undefined;
  check: Report<CheckLine> | undefined;
  bench: Report<BenchLine> | undefined;
  readonly playback = new Playback();

  /** Drops what belongs to the clip that was open before. */
  protected forgetResults(): void {
    this.views.clear();
    this.maps = this.row = this.explain = undefined;
    this.points = [];
  }

  protected keep(task: Task, event: WorkerEvent): void {
    switch (event.kind) {
      case "backends":
        this.backends = event.list;
        break;
      case "opened":
        for (const frame of this.clip?.frames ?? []) frame.close();
        this.clip = event.clip;
        this.name = event.name;
        if (event.clip) this.playback.seconds = event.clip.frames.length / event.clip.fps;
        break;
      case "inputs":
        this.info = event.info;
        break;
      case "mode":
        this.views.set(event.view.mode, event.view);
        this.stale.delete(event.view.mode);
        break;
      case "maps":
        this.maps = event.maps;
        break;
      case "row":
        this.row = event.row;
        break;
      case "point":
        this.points = [...this.points, event.point];
        break;
      case "explain":
        this.explain = event.view;
        break;
      case "check":
        if (this.check) this.check = { ...this.check, lines: [...this.check.lines, event.line] };
        break;
      case "bench":
        if (this.bench) this.bench = { ...this.bench, lines: [...this.bench.lines, event.line] };
        break;
      case "progress":
        if (task.kind === "check" && this.check) this.check = { ...this.check, share: event.share };
        if (task.kind === "bench" && this.bench) this.bench = { ...this.bench, share: event.share };
        break;
    }
  }
}
