// The error of a step whose function failed: the story shows the function's log beside it.

/** A function that failed for good; `logs` are its own last words. */
export class HandlerFailure extends Error {
  readonly logs: string;

  constructor(message: string, logs: string) {
    super(message);
    this.name = 'HandlerFailure';
    this.logs = logs;
  }
}
