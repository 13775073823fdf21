import type { RootCommand } from "@bomb.sh/tab";
import { models } from "@spaattn/models";
import { KNOWN_BACKENDS } from "spaattn";

/** Values the shell offers for options whose choices the parser does not restrict. */
export function completeValues(root: RootCommand): void {
  for (const [name, command] of root.commands) {
    const backend = command.options.get("backend");
    if (backend)
      backend.handler = (complete) => {
        for (const { name, summary } of KNOWN_BACKENDS) complete(name, summary);
      };
    const model = command.options.get("model");
    if (model)
      model.handler = (complete) => {
        // Where a model is run its files are needed, and these come along; folders are the shell's business.
        if (name === "generate") complete("tiny-wan", "the small model that comes along");
        else for (const card of models) complete(card.name, card.title);
      };
  }
}

/**
 * Completion for bash: commands, options and values from the program, file names by the shell itself. Needs nothing but
 * bash 4 (the package bash-completion need not be installed).
 */
export const BASH_COMPLETION = `# bash completion for spaattn
_spaattn() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}" line
  COMPREPLY=()
  # Paths are the shell's business.
  case "$current" in ./*|/*|~*|../*) return ;; esac
  while read -r line; do
    line="\${line%%$'\\t'*}"
    case "$line" in :*|"") continue ;; esac
    if [[ "$line" == "$current"* ]]; then COMPREPLY+=("$line"); fi
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
# Where nothing is offered, file names are.
complete -o default -o bashdefault -F _spaattn spaattn`;
