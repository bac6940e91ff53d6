// A log as a few spans: a busy server has a segment a second, and whoever looks for gaps in a month of them has little memory.

import type { WalFile } from '../archive/wal-names.ts';
import { segmentNumber } from './segment.ts';

/** A file of the log as a listing shows it. */
export type ListedWal = WalFile & {
  readonly sha256: string;
  readonly storedAt: Date;
  /** It was read, and is not what was stored. */
  readonly isDamaged?: true;
};

/** Segments of a timeline that follow on each other. */
export type Span = {
  readonly timeline: number;
  readonly first: number;
  readonly last: number;
  /** How many of the same name with different bytes, damaged ones left out. Where it is not 1, the span is one segment. */
  readonly usable: number;
  /** Of the last. */
  readonly storedAt: Date;
};

export type FoldedLog = {
  /** By timeline, and in their order. */
  readonly spans: readonly Span[];
  /** Segments that were being written, as far as they went, and are not there whole. */
  readonly begun: readonly ListedWal[];
};

/** Folds a log while it is listed. */
export class LogFold {
  readonly #segmentBytes: number;
  readonly #spans: Span[] = [];
  readonly #begun: ListedWal[] = [];
  readonly #sums = new Set<string>();
  #current: Span | undefined;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
  }

  /** @param wal - In the order of the names. */
  add(wal: ListedWal): void {
    if (wal.kind !== 'segment' && wal.kind !== 'begun') return;
    const { timeline, storedAt } = wal;
    const number = segmentNumber(wal.name, this.#segmentBytes);
    const isThere = this.#current?.first === number && this.#current.timeline === timeline;
    if (wal.kind === 'begun') {
      if (!isThere) this.#goesFurther(wal);
      return;
    }
    if (!isThere) {
      this.#keep();
      this.#sums.clear();
    }
    if (!wal.isDamaged) this.#sums.add(wal.sha256);
    this.#current = { timeline, first: number, last: number, usable: this.#sums.size, storedAt };
  }

  /** To be asked for once, at the end. */
  folded(): FoldedLog {
    this.#keep();
    this.#current = undefined;
    return { spans: this.#spans, begun: this.#begun };
  }

  /** Of a segment, the copy that goes furthest is the last in order. */
  #goesFurther(wal: ListedWal): void {
    if (this.#begun.at(-1)?.name.slice(0, 24) === wal.name.slice(0, 24)) this.#begun.pop();
    this.#begun.push(wal);
  }

  #keep(): void {
    const [next, before] = [this.#current, this.#spans.at(-1)];
    if (next === undefined) return;
    const goesOn = before?.timeline === next.timeline && before.last + 1 === next.first;
    if (goesOn && before.usable === 1 && next.usable === 1)
      this.#spans[this.#spans.length - 1] = { ...next, first: before.first };
    else this.#spans.push(next);
  }
}
