import type { Failure, Source } from "../worker/protocol.js";
import { Results } from "./results.js";

/** What the four pictures of the first page show. */
export type PictureKind = "attention" | "difference" | "output" | "error";

export interface Notice {
  readonly failure: Failure;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** What is shown and said, besides results and settings. Components listen and render. */
export class Page extends Results {
  pictureKind: PictureKind = "attention";
  notice: Notice | undefined;
  spoken = "";
  moreSettings = false;
  /** How much of the page is built: it grows over the first frames, so that no single one is long. */
  stage = 0;
  /** Grows with every change, for components that read many parts of the state. */
  version = 0;
  readonly #listeners = new Set<() => void>();

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected changed(): void {
    this.version++;
    for (const listener of this.#listeners) listener();
  }

  /** Says something to people who listen instead of looking. */
  say(text: string): void {
    this.spoken = text;
    this.changed();
  }

  tell(notice: Notice | undefined): void {
    this.notice = notice;
    this.changed();
  }

  showPictures(kind: PictureKind): void {
    this.pictureKind = kind;
    this.changed();
  }

  showMore(open: boolean): void {
    this.moreSettings = open;
    this.changed();
  }

  /** Builds the page's next part. */
  buildMore(): void {
    this.stage++;
    this.changed();
  }
}

/** A clip that is too large can be opened at a smaller size. */
export function offerSmaller(
  failure: Failure,
  source: Source,
  open: (source: Source) => void,
): Notice["action"] | undefined {
  if (failure.code !== "ClipTooLarge" || source.kind !== "file") return undefined;
  return { label: "Open it smaller", run: () => open({ ...source, shrink: true }) };
}
