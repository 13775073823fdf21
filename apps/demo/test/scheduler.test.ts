import { describe, expect, it } from "vitest";
import { Scheduler } from "../src/worker/scheduler.js";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("the scheduler", () => {
  it("runs one job at a time, the most urgent first", async () => {
    const scheduler = new Scheduler();
    const order: string[] = [];
    let running = 0;
    const job = (name: string, priority: number) =>
      scheduler.turn(priority, new AbortController().signal, async () => {
        expect(++running).toBe(1);
        await wait(2);
        order.push(name);
        running--;
      });
    await Promise.all([job("first", 9), job("curve", 4), job("click", 1), job("another curve", 4), job("slider", 0)]);
    expect(order).toEqual(["first", "slider", "click", "curve", "another curve"]);
  });

  it("drops cancelled jobs before they start, and goes on after failures", async () => {
    const scheduler = new Scheduler();
    const stop = new AbortController();
    const slow = scheduler.turn(0, new AbortController().signal, () =>
      wait(5).then(() => Promise.reject(new Error("broken"))),
    );
    let started = false;
    const cancelled = scheduler.turn(0, stop.signal, async () => {
      started = true;
    });
    stop.abort();
    await expect(slow).rejects.toThrow("broken");
    await expect(cancelled).rejects.toMatchObject({ code: "Aborted" });
    expect(started).toBe(false);
    expect(await scheduler.turn(0, new AbortController().signal, async () => 7)).toBe(7);
  });
});
