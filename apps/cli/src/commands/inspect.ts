import type { Command } from "commander";
import type { CommandContext } from "../run-cli.js";
export function registerInspect(_program: Command, _context: CommandContext): void {}
