import { LabClient, TaskError } from "../worker/client.js";
import type { BackendName, Failure, Source, Task, WorkerEvent } from "../worker/protocol.js";
import { type Notice, offerSmaller, Page } from "./page.js";
import { curveKey, inputKey, type Settings, selectionKey } from "./settings.js";
import { decodeLink, encodeLink, type Route } from "./share.js";

/** How long new settings wait for a first result of the old ones before they cancel it, in milliseconds. */
const PATIENCE = 700;

/** The page's state and everything that changes it. */
export class App extends Page {
  route: Route;
  settings: Settings;

  readonly #client: LabClient;
  #source: Source;
  #opened = false;
  #opening = false;
  #explored: Settings | undefined;
  #exploring: { since: number; first: boolean } | undefined;
  #again = false;
  #curveFor = "";

  constructor(createWorker: () => Worker, bundled: string) {
    super();
    this.#client = new LabClient(createWorker);
    this.#source = { kind: "bundled", url: bundled };
    const link = decodeLink(location.hash);
    this.route = link.route;
    this.settings = link.settings;
    this.#tellProblems(link.problems);
    addEventListener("hashchange", () => this.#followLink());
  }

  start(): void {
    void this.#attempt({ kind: "backends" });
    void this.open(this.#source);
  }

  navigate(route: Route): void {
    if (route === this.route) return;
    this.route = route;
    this.#writeLink(true);
    scrollTo({ top: 0 });
    if (route === "explain") this.#explainSoon();
    this.changed();
  }

  set(patch: Partial<Settings>): void {
    const before = this.settings;
    this.settings = { ...before, ...patch };
    if (patch.backend && this.notice?.failure.code === "DeviceLost") this.notice = undefined;
    this.#writeLink(false);
    this.#react(before);
    this.changed();
  }

  async open(source: Source): Promise<void> {
    for (const kind of ["explore", "row", "curve", "explain", "bench"] as const) this.#client.cancel(kind);
    this.#opening = true;
    const ok = await this.#attempt({ kind: "open", source }, (failure) =>
      offerSmaller(failure, source, (smaller) => void this.open(smaller)),
    );
    this.#opening = false;
    if (!ok) {
      // What was open before is still open.
      if (this.#opened) this.#explore();
      return;
    }
    this.#source = source;
    this.#opened = true;
    if (source.kind === "file") this.settings = { ...this.settings, token: -1 };
    this.forgetResults();
    this.#curveFor = "";
    this.#explore();
  }

  openFile(file: File): void {
    this.notice = undefined;
    this.say(`Opening ${file.name}.`);
    void this.open({ kind: "file", file, shrink: false });
  }

  async runCheck(backend: BackendName): Promise<void> {
    this.check = { backend, lines: [], share: 0, running: true };
    this.changed();
    await this.#attempt({ kind: "check", backend });
    this.check = { ...this.check, running: false };
    const failed = this.check.lines.filter(({ status }) => status === "failed").length;
    this.say(`Check finished: ${this.check.lines.length - failed} cases passed or skipped, ${failed} failed.`);
  }

  async runBench(backend: BackendName): Promise<void> {
    this.bench = { backend, lines: [], share: 0, running: true };
    this.changed();
    await this.#attempt({ kind: "bench", backend });
    this.bench = { ...this.bench, running: false };
    this.say("Benchmark finished.");
  }

  cancel(kind: Task["kind"]): void {
    this.#client.cancel(kind);
  }

  /** True once a clip or capture is open. */
  get ready(): boolean {
    return this.#opened;
  }

  /** True while results of the current settings are still to come. */
  get busy(): boolean {
    return this.#exploring !== undefined || this.#opening || !this.#opened;
  }

  get link(): string {
    return new URL(encodeLink(this.route, this.settings), location.href).href;
  }

  #writeLink(newEntry: boolean): void {
    const hash = encodeLink(this.route, this.settings);
    if (newEntry) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  }

  #followLink(): void {
    const before = this.settings;
    const link = decodeLink(location.hash);
    this.route = link.route;
    this.settings = link.settings;
    this.#tellProblems(link.problems);
    this.#react(before);
    if (this.route === "explain") this.#explainSoon();
    this.changed();
  }

  #tellProblems(problems: readonly string[]): void {
    if (problems.length === 0) return;
    const remedy = "Everything else in the link is used as it stands.";
    this.notice = { failure: { code: "Link", message: problems.join(" "), remedy, aborted: false } };
  }

  /** Starts what a change of settings asks for, and nothing else. */
  #react(before: Settings): void {
    if (!this.#opened) return;
    const { settings } = this;
    const same =
      inputKey(before) === inputKey(settings) &&
      selectionKey(before) === selectionKey(settings) &&
      before.mode === settings.mode &&
      before.backend === settings.backend;
    if (!same) this.#explore();
    else if (before.head !== settings.head || before.token !== settings.token) {
      void this.#attempt({ kind: "row", settings });
      if (this.route === "explain") this.#explainSoon();
    }
  }

  /** Follows a moving slider: the newest settings start as soon as the running ones have shown something. */
  #explore(): void {
    for (const mode of ["none", "paper", "tail"] as const) this.stale.add(mode);
    if (this.#explored && inputKey(this.#explored) !== inputKey(this.settings)) this.stale.add("dense");
    const running = this.#exploring;
    if (running && !running.first && performance.now() - running.since < PATIENCE) {
      this.#again = true;
      setTimeout(() => this.#again && this.#exploring === running && this.#startExplore(), PATIENCE);
      return;
    }
    void this.#startExplore();
  }

  async #startExplore(): Promise<void> {
    this.#again = false;
    this.#client.cancel("curve");
    const { settings } = this;
    const mine = { since: performance.now(), first: false };
    this.#exploring = mine;
    this.#explored = settings;
    const ok = await this.#attempt({ kind: "explore", settings });
    if (this.#exploring !== mine) return;
    this.#exploring = undefined;
    this.changed();
    if (!ok) return;
    this.#curve();
    if (this.route === "explain") this.#explainSoon();
  }

  #curve(): void {
    const { settings } = this;
    const key = [inputKey(settings), curveKey(settings), settings.backend, this.name].join(" ");
    if (key === this.#curveFor) return;
    this.points = [];
    void this.#attempt({ kind: "curve", settings }).then((ok) => {
      if (ok) this.#curveFor = key;
    });
  }

  #explainSoon(): void {
    if (this.#opened) void this.#attempt({ kind: "explain", settings: this.settings });
  }

  /** Runs a task, tells its failure; false when it failed or was cancelled. */
  async #attempt(task: Task, actionFor?: (failure: Failure) => Notice["action"] | undefined): Promise<boolean> {
    try {
      await this.#client.run(task, (event) => this.#receive(task, event));
      return true;
    } catch (error) {
      if (!(error instanceof TaskError)) throw error;
      if (!error.failure.aborted) this.#fail(error.failure, actionFor?.(error.failure));
      return false;
    } finally {
      this.changed();
    }
  }

  #fail(failure: Failure, action: Notice["action"] | undefined): void {
    this.notice = { failure, ...(action ? { action } : {}) };
    if (failure.code === "WorkerFailed") {
      this.#opened = false;
      this.notice = { failure, action: { label: "Start again", run: () => void this.open(this.#source) } };
    }
    if (failure.code === "DeviceLost" && this.settings.backend !== "cpu") {
      this.settings = { ...this.settings, backend: "cpu" };
      void this.#startExplore();
    }
  }

  #receive(task: Task, event: WorkerEvent): void {
    this.keep(task, event);
    if (event.kind === "mode" && event.view.mode !== "dense" && this.#exploring) {
      this.#exploring.first = true;
      if (this.#again) void this.#startExplore();
    }
    this.changed();
  }
}
