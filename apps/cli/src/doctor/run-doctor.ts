import { execFile } from "node:child_process";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { promisify } from "node:util";
import type { ProbeResult } from "@spaattn/attention";
import { isSpaAttnError } from "@spaattn/core";
import { KNOWN_BACKENDS, probeBackend, requiredBackends } from "spaattn";
import { findProvider } from "../backend.js";
import { EXIT } from "../exit-codes.js";
import type { CommandContext } from "../run-cli.js";
import { bytes } from "../terminal/format.js";
import type { Terminal } from "../terminal/terminal.js";

interface BackendHealth {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  readonly probe: ProbeResult;
}

/** The command `doctor`. */
export async function runDoctor({ terminal, leaveWith }: CommandContext): Promise<void> {
  const backends = await probeAll();
  const machine = await machineFacts();
  if (terminal.json) terminal.printJson({ machine, backends });
  else printHealth(terminal, machine, backends);
  if (backends.some(({ required, probe }) => required && !probe.available)) leaveWith(EXIT.backendUnavailable);
}

/** Every known backend, and whatever `SPAATTN_REQUIRE` names besides. */
async function probeAll(): Promise<BackendHealth[]> {
  const required = requiredBackends();
  const others = required.filter((name) => !KNOWN_BACKENDS.some((known) => known.name === name));
  const all = [...KNOWN_BACKENDS, ...others.map((name) => ({ name, summary: "required by SPAATTN_REQUIRE" }))];
  const results: BackendHealth[] = [];
  // One after the other: two probes may want the same driver.
  for (const { name, summary } of all)
    results.push({ name, summary, required: required.includes(name), probe: await probeOne(name) });
  return results;
}

async function probeOne(name: string): Promise<ProbeResult> {
  try {
    return await probeBackend(await findProvider(name));
  } catch (error) {
    if (isSpaAttnError(error)) return { available: false, reason: error.message, remedy: error.remedy };
    return { available: false, reason: (error as Error).message, remedy: "Report this; a probe should not fail." };
  }
}

async function machineFacts() {
  const ffmpeg = await promisify(execFile)("ffmpeg", ["-version"])
    .then(({ stdout }) => stdout.match(/version (\S+)/)?.[1] ?? "installed")
    .catch(() => undefined);
  return {
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() || "unknown",
    threads: availableParallelism(),
    memory: totalmem(),
    freeMemory: freemem(),
    ffmpeg: ffmpeg ?? null,
  };
}

type Machine = Awaited<ReturnType<typeof machineFacts>>;

function printHealth(terminal: Terminal, machine: Machine, backends: readonly BackendHealth[]): void {
  const fact = (name: string, value: string) => terminal.print(`${name.padEnd(11)}${value}`);
  fact("Node", `${machine.node} on ${machine.platform}`);
  fact("processor", `${machine.processor}, ${machine.threads} threads`);
  fact("memory", `${bytes(machine.memory)}, ${bytes(machine.freeMemory)} free`);
  fact(
    "ffmpeg",
    machine.ffmpeg ?? "not found: GIF, WebP, PNG and captures work, other videos need it (https://ffmpeg.org)",
  );
  terminal.print();
  for (const { name, summary, required, probe } of backends) {
    const mark = probe.available ? terminal.style("green", "yes") : terminal.style(required ? "red" : "yellow", "no ");
    terminal.print(`${mark}  ${terminal.style("bold", name.padEnd(10))} ${summary}${required ? " (required)" : ""}`);
    const details = probe.available
      ? [probe.device, ...listed(probe.details)]
      : [probe.reason, `To mend it: ${probe.remedy}`];
    for (const line of details) terminal.print(`     ${line}`);
  }
}

const listed = (details: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries(details).map(([name, value]) => `${name}: ${value}`);
