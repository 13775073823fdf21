export type Theme = "system" | "light" | "dark";

const ORDER: readonly Theme[] = ["system", "light", "dark"];
const KEY = "spaattn-theme";

/** The chosen theme; "system" follows the machine. */
export function theme(): Theme {
  return (document.documentElement.dataset.theme as Theme | undefined) ?? "system";
}

/** Goes to the next theme and keeps it for the next visit. */
export function nextTheme(): void {
  apply(ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length]);
}

export function restoreTheme(): void {
  const kept = ORDER.find((it) => it === read());
  if (kept && kept !== "system") apply(kept);
}

function apply(chosen: Theme): void {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // Storage may be forbidden; the theme then lasts as long as the page.
  }
  dispatchEvent(new Event("themechange"));
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
