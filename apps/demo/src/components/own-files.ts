import { html } from "lit";
import type { App } from "../state/app.js";
import { View } from "./view.js";

/** The door for a visitor's own clips and captures: a button, and the whole page as a drop zone. */
export class OwnFiles extends View {
  static override properties = { app: { attribute: false }, over: { state: true } };
  declare app: App;
  declare over: boolean;

  constructor() {
    super();
    this.over = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("dragover", this.#dragOver);
    addEventListener("dragleave", this.#dragLeave);
    addEventListener("drop", this.#drop);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("dragover", this.#dragOver);
    removeEventListener("dragleave", this.#dragLeave);
    removeEventListener("drop", this.#drop);
  }

  protected override render(): unknown {
    return html`
      <section class="own" ?data-over=${this.over} aria-labelledby="own-title">
        <h2 id="own-title">Your own clip</h2>
        <p>
          Drop a GIF, WebP, PNG, JPEG, MP4 or WebM anywhere on this page, or a capture of a model’s queries, keys and values (safetensors).
          <strong>It stays on your machine:</strong> everything is computed here, and nothing is uploaded.
        </p>
        <label class="button">
          Choose a file
          <input
            type="file"
            class="visually-hidden"
            accept="image/*,video/mp4,video/webm,video/quicktime,.safetensors"
            @change=${this.#chosen}
          />
        </label>
      </section>
    `;
  }

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    if (file) this.app.openFile(file);
    input.value = "";
  };

  #dragOver = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.over = true;
  };

  #dragLeave = (event: DragEvent): void => {
    if (event.relatedTarget === null) this.over = false;
  };

  #drop = (event: DragEvent): void => {
    this.over = false;
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    this.app.navigate("explore");
    this.app.openFile(file);
  };
}

customElements.define("own-files", OwnFiles);
