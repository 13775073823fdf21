import type { RootCommand } from "@bomb.sh/tab";
import { models } from "@spaattn/models";
import { KNOWN_BACKENDS } from "spaattn";

/** Values the shell offers for options whose choices the parser does not restrict. */
export function completeValues(root: RootCommand): void {
  for (const command of root.commands.values()) {
    const backend = command.options.get("backend");
    if (backend)
      backend.handler = (complete) => {
        for (const { name, summary } of KNOWN_BACKENDS) complete(name, summary);
      };
    const model = command.options.get("model");
    if (model)
      model.handler = (complete) => {
        for (const { name, title } of models) complete(name, title);
      };
  }
}
