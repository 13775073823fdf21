import type { CudaDriver, Handle } from "./driver.js";

/**
 * Runs driver calls with our context current, and gives the thread's own back afterwards: the process may have other users
 * of CUDA, and so may our caller.
 */
export class ContextGuard {
  /** A driver whose every call is guarded by itself. */
  readonly driver: CudaDriver;
  #depth = 0;

  constructor(
    readonly raw: CudaDriver,
    readonly context: Handle,
  ) {
    const guarded = new Map<PropertyKey, unknown>();
    this.driver = new Proxy(raw, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (!guarded.has(name))
          guarded.set(name, (...args: unknown[]) => this.within(() => Reflect.apply(member, target, args)));
        return guarded.get(name);
      },
    });
  }

  /** Calls in `body`, which must not wait, share one change of context. */
  within<T>(body: (driver: CudaDriver) => T): T {
    if (this.#depth > 0) return body(this.raw);
    this.raw.pushContext(this.context);
    this.#depth++;
    let failed = true;
    try {
      const result = body(this.raw);
      failed = false;
      return result;
    } finally {
      this.#depth--;
      this.#pop(failed);
    }
  }

  /** On a lost device popping fails too; that must not hide the error that came first. */
  #pop(failed: boolean): void {
    try {
      this.raw.popContext();
    } catch (error) {
      if (!failed) throw error;
    }
  }
}
