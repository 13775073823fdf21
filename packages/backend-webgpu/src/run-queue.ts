/** Lets tasks that share memory run one after the other, in the order they came. */
export class RunQueue {
  #last: Promise<unknown> = Promise.resolve();

  add<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(task);
    // A task that fails does not keep the next from running.
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
