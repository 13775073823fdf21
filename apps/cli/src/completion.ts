import type { RootCommand } from "@bomb.sh/tab";
import { KNOWN_BACKENDS } from "spaattn";

/** Values the shell offers for options whose choices the parser does not restrict. */
export function completeValues(root: RootCommand): void {
  for (const command of root.commands.values()) {
    const backend = command.options.get("backend");
    if (backend)
      backend.handler = (complete) => {
        for (const { name, summary } of KNOWN_BACKENDS) complete(name, summary);
      };
  }
}
