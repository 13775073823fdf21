import "./style.css";
import { SpaApp } from "./components/spa-app.js";
import { App } from "./state/app.js";
import { restoreTheme } from "./state/theme.js";

declare const __CLIP__: string;

restoreTheme();
const createWorker = () => new Worker(new URL("./worker/lab.worker.ts", import.meta.url), { type: "module" });
const app = new App(createWorker, new URL(__CLIP__, document.baseURI).href);
customElements.define("spa-app", SpaApp);
app.start();
// The worker sets to work first, and the page is built in a task of its own: together they would block a slow machine.
setTimeout(() => document.querySelector<SpaApp>("spa-app")!.connect(app));

// A site of files on a disk has no service workers; a development server needs none.
if (import.meta.env.PROD && "serviceWorker" in navigator && location.protocol.startsWith("http"))
  addEventListener("load", () => {
    navigator.serviceWorker.register("./sw.js").catch(() => {
      // Offline use is a courtesy: without it (private windows, say) the page works all the same.
    });
  });
